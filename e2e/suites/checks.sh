# What the suites count by. To be sourced, after settings.sh.
passed=0 failed=0
check() { # TEXT COMMAND...
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '  failed: %s: %s\n' "$text" "$(tail -n 3 <<<"$output")"
  fi
}
# within SECONDS COMMAND...: for what needs a moment to come about.
within() {
  local end=$((SECONDS + $1)) output
  shift
  until output=$("$@" 2>&1); do
    [ "$SECONDS" -lt "$end" ] || { echo "$output"; return 1; }
    sleep 0.2
  done
  echo "$output"
}
finish_suite() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
