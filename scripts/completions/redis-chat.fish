# Completion of the chat tools for fish: options from --help, values by their placeholder, topics from the server.

# What the server has; nothing when it isn't there or takes long. A URL may hold a password, which no command line
# should show: the environment of others can't be read.
function __redis_chat_topics
    set -l words (commandline -opc)
    set -l tool (string replace -r 'chat-[a-z]+$' chat-topics -- $words[1])
    set -l connection
    set -l url $REDIS_URL
    for i in (seq 2 (count $words))
        switch $words[$i]
            case '--redis=*'
                set url (string replace -- --redis= '' $words[$i])
            case --redis
                set url $words[(math $i + 1)]
            case '--password-file=*' '--cacert=*' '--cert=*' '--key=*'
                set -a connection $words[$i]
            case --password-file --cacert --cert --key
                set -a connection $words[$i] $words[(math $i + 1)]
        end
    end
    set -lx REDIS_URL $url
    timeout 1 $tool --names --quiet $connection 2>/dev/null </dev/null
end

# __redis_chat_options TOOL [COMMAND]: a line an option: its name, what stands for its value, its description.
function __redis_chat_options
    $argv --help 2>/dev/null | awk '
        /^  -/ {
            text = $0; sub(/^  [^ ].*[^ ]  +/, "", text)
            sub(/^  /, ""); sub(/  .*/, ""); n = split($0, word, " "); names = ""
            for (i = 1; i <= n; ++i) {
                names = names " " word[i]
                if (word[i] ~ /,$/) continue
                value = i < n && word[i + 1] !~ /^-/ ? word[++i] : ""
                gsub(/,/, "", names); count = split(names, name, " "); names = ""
                for (j = 1; j <= count; ++j) print name[j] "\t" value "\t" text
            }
        }'
end

# __redis_chat_complete TOOL CONDITION [COMMAND]: the options that are there under the condition.
function __redis_chat_complete
    set -l commands list add set rm who
    __redis_chat_options $argv[1] $argv[3] | while read -l -d \t name value text
        set -l option -l (string replace -r '^--' '' -- $name)
        string match -qr '^-[^-]' -- $name && set option -o (string sub -s 2 -- $name)
        test (string length -- $name) = 2 && set option -s (string sub -s 2 -- $name)
        switch $value
            case ''
                complete -c $argv[1] -n $argv[2] $option -f -d $text
            case FILE
                complete -c $argv[1] -n $argv[2] $option -rF -d $text
            case TOPIC
                complete -c $argv[1] -n $argv[2] $option -x -a '(__redis_chat_topics)' -d $text
            case '*|*'
                complete -c $argv[1] -n $argv[2] $option -x -a (string replace -a '|' ' ' -- $value) -d $text
            case '*'
                complete -c $argv[1] -n $argv[2] $option -x -d $text
        end
    end
end

for tool in chat-pub chat-sub chat-replay chat-topics chat-talk
    complete -c $tool -f
    complete -c $tool -n 'not __fish_seen_subcommand_from add' -a '(__redis_chat_topics)'
    __redis_chat_complete $tool true
end
complete -c chat-topics -n 'not __fish_seen_subcommand_from list add set rm who' -a 'list add set rm who'
for command in list add set rm who
    __redis_chat_complete chat-topics "__fish_seen_subcommand_from $command" $command
end
