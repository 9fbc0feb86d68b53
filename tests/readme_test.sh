#!/bin/sh
# What README.md says of attacks and defenses is what the registries say.
passed=0 failed=0
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
for kind in attacks defenses; do
    sed -n "/^<!-- $kind:/,/^<!-- end -->/p" README.md | grep '^|' >"$copy/readme"
    "$HEIST" list $kind --markdown >"$copy/registry"
    if [ -s "$copy/registry" ] && diff "$copy/readme" "$copy/registry"; then passed=$((passed + 1))
    else
        echo "README.md's table of $kind is not what 'heist list $kind --markdown' prints"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
