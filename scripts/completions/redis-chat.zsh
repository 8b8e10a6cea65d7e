#compdef chat-pub chat-sub chat-replay chat-topics chat-talk
# Completion of the chat tools for zsh: options from --help, values by their placeholder, topics from the server.

# _redis_chat_options [COMMAND]: a line an option: its name, what stands for its value, its description.
_redis_chat_options() {
  { $tool --help | awk -v command=$1 '/^Options:/ && command { skip = 1 } /^$/ { skip = 0 } !skip'; [[ -n $1 ]] && $tool $1 --help } 2>/dev/null | awk '
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
}

# What the server has; nothing when it isn't there or takes long. A URL may hold a password, which no command line
# should show: the environment of others can't be read.
_redis_chat_topics() {
  local -a connection found
  local i url=$REDIS_URL
  for ((i = 2; i < CURRENT; ++i)); do
    case $words[i] in
      --redis=*) url=${(Q)words[i]#*=} ;;
      --redis) url=${(Q)words[i + 1]} ;;
      --(password-file|cacert|cert|key)=*) connection+=(${(Q)words[i]}) ;;
      --(password-file|cacert|cert|key)) connection+=($words[i] ${(Q)words[i + 1]}) ;;
    esac
  done
  found=(${(f)"$(REDIS_URL=$url timeout 1 ${tool%chat-*}chat-topics --names --quiet $connection 2>/dev/null </dev/null)"})
  compadd -a found
}

_redis_chat_topics_or_commands() {
  compadd list add set rm who
  _redis_chat_topics
}

_redis_chat() {
  local tool=${(Q)words[1]} command='' name value text action
  local -a specs
  if [[ $tool == *chat-topics ]]; then
    command=${words[(r)(list|add|set|rm|who)]}
    [[ $command == $words[CURRENT] ]] && command=''
  fi
  while IFS=$'\t' read -r name value text; do
    text=${text//(#m)[\[\]:\\]/\\$MATCH}
    case $value in
      '') specs+=("*${name}[$text]") && continue ;;
      FILE) action=_files ;;
      TOPIC) action=_redis_chat_topics ;;
      *'|'*) action="(${value//|/ })" ;;
      *) action=' ' ;;
    esac
    [[ $name == --* ]] && name+='='
    specs+=("*${name}[$text]:${value//|/ or }:$action")
  done < <(_redis_chat_options $command | sed "s/\t\t/\t''\t/")
  case $tool:$command in
    *chat-topics:) specs+=('1:command or topic:_redis_chat_topics_or_commands' '*:topic:_redis_chat_topics') ;;
    *chat-topics:add) specs+=('1:command:' '2:new topic: ') ;;
    *chat-topics:(set|rm)) specs+=('1:command:' '2:topic:_redis_chat_topics') ;;
    *chat-topics:*) specs+=('1:command:' '*:topic:_redis_chat_topics') ;;
    *chat-talk:) specs+=('1:topic:_redis_chat_topics' '2:my name: ') ;;
    *chat-sub:) specs+=('*:topic:_redis_chat_topics') ;;
    *) specs+=('1:topic:_redis_chat_topics' '*:message: ') ;;
  esac
  _arguments -s : $specs
}

setopt localoptions extendedglob
_redis_chat "$@"
