# Sourced by the CLI tests: common.sh BIN SOURCE BUILD. Cases run in a fresh folder; the first failure of each is shown.
bin=$1 source=$2 build=$3
dir=$(mktemp -d)
export AXON_LEASE_DIR=$dir/leases LC_ALL=C
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
PATH=$bin:$PATH
failures=0

# run COMMAND...: into $out, $err and $rc.
run() {
    command="$*"
    "$@" >stdout.txt 2>stderr.txt
    rc=$?
    out=$(cat stdout.txt) err=$(cat stderr.txt)
}

fail() {
    failures=$((failures + 1))
    printf 'FAILED: %s\n  %s\n  exit code %s\n  stdout: %s\n  stderr: %s\n' "$command" "$1" "$rc" "$out" "$err"
}

expect_rc() { [ "$rc" = "$1" ] || fail "exit code $1 expected"; }
# expect_out PATTERN, expect_err PATTERN: a glob that the whole text matches.
expect_out() { [[ $out == $1 ]] || fail "stdout: expected $1"; }
expect_err() { [[ $err == $1 ]] || fail "stderr: expected $1"; }
expect_quiet() { [ -z "$err" ] || fail "nothing expected on stderr"; }

# must_fail RC PATTERN COMMAND...: the message names what is wrong, and nothing is printed as if it were a result.
must_fail() {
    local code=$1 pattern=$2
    shift 2
    run "$@"
    expect_rc "$code"
    expect_err "$pattern"
}

finish() {
    [ $failures = 0 ] && echo "all passed"
    exit $((failures > 0))
}

# digits, compiled as a user would, once for each test.
compile_digits() {
    axcompile "$source/models/digits/digits.onnx" --calib "$source/models/digits/calib" >compile.txt 2>&1 ||
        { cat compile.txt; exit 1; }
}
