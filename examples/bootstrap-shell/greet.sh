# The handler: greets whom the event names, {"name": "you"}.
handler() {
  local event
  event=$(cat)
  if [[ ! $event =~ \"name\"\ *:\ *\"([^\"]*)\" ]]; then
    echo 'the event has no "name"' >&2
    return 1
  fi
  printf '{"message":"Hello, %s, from bash %s"}' "${BASH_REMATCH[1]}" "${BASH_VERSION%%(*}"
}
