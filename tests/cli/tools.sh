# What every tool has: help, version, a man page, and answers to wrong options.
. "$(dirname "$0")/common.sh"

for tool in axcompile axrun axbench axinfo axsegment axjoin; do
    [ -x "$bin/$tool" ] || continue
    for flag in --help -h; do
        run $tool $flag
        expect_rc 0
        expect_quiet
        expect_out "*$tool*--version*"
    done
    run $tool --version
    expect_rc 0
    expect_out "$tool (Axon) [0-9]*.[0-9]*.[0-9]*"
    run $tool --man
    expect_rc 0
    expect_out ".TH $tool 1 *.SH NAME*.SH SYNOPSIS*.SH OPTIONS*"
    must_fail 2 "$tool: *--no_such_option*" $tool --no_such_option x
    must_fail 2 "$tool: *" $tool
done

must_fail 2 "*--cores*0*1..1024*" axbench x --cores 0
must_fail 2 "*--cores*many*" axrun x y --cores=many
must_fail 2 "*--pipe*int4*int8|float*" axrun x y --pipe int4
must_fail 2 "*--top_k*1..1000*" axrun x y --top-k 0
must_fail 2 "*--count*" axbench x --count
finish
