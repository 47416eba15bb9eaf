# Two processes on one device: the second is told who holds the cores, waits for them, and has them at once when the first dies.
. "$(dirname "$0")/common.sh"
compile_digits
model=build/digits/digits/1
picture=$(find "$source/models/digits/images" -type f | sort | head -1)

# hold [CORES]: a process that keeps cores busy; its number in $holder.
hold() {
    axbench "$model" -n 10000000 ${1:+--cores $1} >holder.txt 2>&1 &
    holder=$!
    while kill -0 "$holder" 2>/dev/null; do
        [ "$(cat leases/core-* 2>/dev/null | grep -c "^$holder\$")" -ge "${1:-1}" ] && return
        sleep 0.05
    done
    fail "the first process took no cores: $(cat holder.txt)"
}

run axrun "$model" "$picture" --wait 0
expect_rc 0
files=$(ls leases | wc -l)

hold
must_fail 1 "*process $holder holds*" axrun "$model" "$picture" --wait 0
must_fail 1 "*waiting up to 0.2 s*process $holder holds*" axrun "$model" "$picture" --wait 0.2

# kill -9: nothing is left to clean up, and nobody waits.
kill -9 "$holder"
wait "$holder" 2>/dev/null
run axrun "$model" "$picture" --wait 0
expect_rc 0
expect_quiet
[ "$(ls leases | wc -l)" = "$files" ] || fail "files were left: $(ls leases)"

# Who waits has the cores as soon as they are free.
hold
axrun "$model" "$picture" --wait 600 >waiter.txt 2>waiter.err &
waiter=$!
until grep -q waiting waiter.err || ! kill -0 "$waiter" 2>/dev/null; do sleep 0.05; done
kill -9 "$holder"
wait "$holder" 2>/dev/null
wait "$waiter" || fail "the one that waited: $(cat waiter.err)"
grep -q "process $holder holds" waiter.err || fail "it was not told who holds the cores: $(cat waiter.err)"
grep -q "1\. " waiter.txt || fail "it found nothing: $(cat waiter.txt)"

# Cores are shared out, where there are two.
if [ "$(nproc)" -ge 2 ]; then
    hold 1
    run axrun "$model" "$picture" --cores 1 --wait 0
    expect_rc 0
    must_fail 1 "*process $holder holds*" axrun "$model" "$picture" --cores "$(nproc)" --wait 0
    kill -9 "$holder"
    wait "$holder" 2>/dev/null
fi

# A lease that another left behind, with a number of no process: it is only text.
echo 999999999 >leases/core-0
run axrun "$model" "$picture" --wait 0
expect_rc 0
finish
