#!/bin/sh
# What README.md says of the defenses is what the registry says.
passed=0 failed=0
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
sed -n '/^<!-- defenses:/,/^<!-- end -->/p' README.md | grep '^|' >"$copy/readme"
"$HEIST" list defenses --markdown >"$copy/registry"
if [ -s "$copy/registry" ] && diff "$copy/readme" "$copy/registry"; then passed=1
else
    echo "README.md's table of defenses is not what 'heist list defenses --markdown' prints"
    failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
