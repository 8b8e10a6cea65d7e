# shellcheck shell=bash
# Completion of the chat tools for bash: options from --help, values by their placeholder, topics from the server.

# _redis_chat_options TOOL [COMMAND]: a line an option, with what stands for its value behind a blank.
_redis_chat_options() {
  { "$1" --help | awk -v command="${2-}" '/^Options:/ && command { skip = 1 } /^$/ { skip = 0 } !skip'; if [ -n "${2-}" ]; then "$1" "$2" --help; fi; } 2>/dev/null | awk '
    /^  -/ {
      sub(/^  /, ""); sub(/  .*/, ""); n = split($0, word, " "); names = ""
      for (i = 1; i <= n; ++i) {
        names = names " " word[i]
        if (word[i] ~ /,$/) continue
        value = i < n && word[i + 1] !~ /^-/ ? word[++i] : ""
        gsub(/,/, "", names); count = split(names, name, " "); names = ""
        for (j = 1; j <= count; ++j) print name[j], value
      }
    }'
}

# _redis_chat_topics TOOL URL CONNECTION…: what the server has; nothing when it isn't there or takes long. The URL
# may hold a password, which no command line should show: the environment of others can't be read.
_redis_chat_topics() {
  local tool=$1 url=$2
  shift 2
  REDIS_URL=${url:-${REDIS_URL-}} timeout 1 "${tool%chat-*}chat-topics" --names --quiet "$@" 2>/dev/null </dev/null
}

_redis_chat() {
  # shellcheck disable=SC2034 # _init_completion sets prev
  local cur prev words cword
  _init_completion -n =: || return
  local tool=$1 command='' places=0 value='' url='' name i word
  local -A takes=()
  local -a connection=()
  if [[ $tool == *chat-topics ]]; then
    for word in "${words[@]:1:cword-1}"; do
      if [[ $word == @(list|add|set|rm|who) ]]; then command=$word && break; fi
    done
  fi
  while read -r name value; do takes[$name]=$value; done < <(_redis_chat_options "$tool" "$command")

  value=''
  for ((i = 1; i < cword; ++i)); do
    word=${words[i]}
    case $word in
      --redis=*) url=${word#*=} ;;
      --password-file=* | --cacert=* | --cert=* | --key=*) connection+=("$word") ;;
      -*=*) ;;
      -*)
        if [ -z "${takes[$word]-}" ]; then continue; fi
        if ((i + 1 == cword)); then value=${takes[$word]} && break; fi
        case $word in
          --redis) url=${words[i + 1]} ;;
          --password-file | --cacert | --cert | --key) connection+=("$word" "${words[i + 1]}") ;;
        esac
        ((++i))
        ;;
      *) ((++places)) ;;
    esac
  done
  if [[ $cur == --*=* ]]; then
    value=${takes[${cur%%=*}]-none}
    cur=${cur#*=}
  elif [[ -z $value && $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "${!takes[*]}" -- "$cur")
    return
  elif [ -z "$value" ]; then
    case $tool:$command:$places in
      *chat-talk::[1-9]*) ;;
      *chat-topics::0) value="TOPIC|list|add|set|rm|who" ;;
      *chat-topics:add:* | *chat-pub::[1-9]* | *chat-replay::[1-9]* | *chat-topics:set:[2-9]* | *chat-topics:rm:[2-9]*) ;;
      *) value=TOPIC ;;
    esac
  fi
  case $value in
    FILE) _filedir ;;
    *TOPIC*) mapfile -t COMPREPLY < <(compgen -W "${value//[|]/ } $(_redis_chat_topics "$tool" "$url" "${connection[@]}")" -X TOPIC -- "$cur") ;;
    *'|'*) mapfile -t COMPREPLY < <(compgen -W "${value//[|]/ }" -- "$cur") ;;
  esac
  __ltrim_colon_completions "$cur"
}

complete -F _redis_chat chat-pub chat-sub chat-replay chat-topics chat-talk
