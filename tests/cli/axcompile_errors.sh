# What axcompile says when something is wrong, and that what was there before stays: every case leaves the old artifact whole.
. "$(dirname "$0")/common.sh"
model=$source/models/digits/digits.onnx calib=$source/models/digits/calib

sum() { cat out/model.axmodel out/manifest.json out/model.json 2>/dev/null | cksum; }
run axcompile "$model" --calib "$calib" -o out
expect_rc 0
before=$(sum)

# still CODE PATTERN COMMAND...: fails so, and the artifact is what it was, with nothing half-written beside it.
still() {
    must_fail "$@"
    [ "$(sum)" = "$before" ] || fail "the artifact changed"
    [ "$(ls -A out | sort | tr '\n' ' ')" = "compile.log manifest.json model.axmodel model.json " ] || fail "left behind: $(ls -A out)"
}

still 1 "*no_such.onnx*" axcompile no_such.onnx --calib "$calib" -o out
still 1 "*--calib*no_such_folder is not there*" axcompile "$model" --calib no_such_folder -o out --force
still 1 "*--calib*" axcompile "$model" -o out --force # no calibration at all
mkdir empty
still 1 "*--calib empty*nothing is there*" axcompile "$model" --calib empty -o out --force
echo "no picture" >bad.png
still 1 "*bad.png*" axcompile "$model" --calib bad.png -o out --force
head -c 20000 "$model" >short.onnx
still 1 "*short.onnx*" axcompile short.onnx --calib "$calib" -o out --force
head -c 50000 /dev/urandom >noise.onnx
still 1 "*noise.onnx*" axcompile noise.onnx --calib "$calib" -o out --force
: >empty.onnx
still 1 "*empty.onnx*" axcompile empty.onnx --calib "$calib" -o out --force
still 1 "*no family*no_such_family*" axcompile "$model" --calib "$calib" -o out --force --family no_such_family
still 1 "*no_such_node*" axcompile "$model" --calib "$calib" -o out --force --float_nodes no_such_node
still 3 "*--min_sqnr*" axcompile "$model" --calib "$calib" -o out --force --min_sqnr 200
still 2 "*--precision*int4*" axcompile "$model" --calib "$calib" -o out --precision int4
still 2 "*--range*guess*" axcompile "$model" --calib "$calib" -o out --range guess

# A limit that the user set leaves no artifact where there was none.
must_fail 3 "*--min_sqnr*" axcompile "$model" --calib "$calib" -o fresh --min_sqnr 200
[ ! -e fresh/model.axmodel ] || fail "an artifact was left"

# A full disk: a limit on the size of files, and a file system of its own where that may be mounted.
run bash -c "ulimit -f 20; trap '' XFSZ; axcompile '$model' --calib '$calib' -o out --force --labels '$source/models/digits/labels.txt'"
expect_rc 1
expect_err "*cannot write*"
[ "$(sum)" = "$before" ] || fail "the artifact changed"
mkdir small
if mount -t tmpfs -o size=64k none small 2>/dev/null; then
    must_fail 1 "*small*No space left*" axcompile "$model" --calib "$calib" -o small/out
    [ -z "$(find small -type f)" ] || fail "left behind: $(find small -type f)"
    umount small
fi

# A folder that cannot be written; root may write everywhere, so that root asks as nobody.
mkdir locked
chmod 555 locked
chmod 755 .
if [ "$(id -u)" != 0 ]; then
    must_fail 1 "*locked*" axcompile "$model" --calib "$calib" -o locked/out
elif command -v setpriv >/dev/null && setpriv --reuid 65534 --clear-groups test -r "$model" -a -x "$bin/axcompile" 2>/dev/null; then
    must_fail 1 "*locked*" setpriv --reuid 65534 --clear-groups "$bin/axcompile" "$model" --calib "$calib" -o locked/out
fi
[ -z "$(ls -A locked)" ] || fail "left behind: $(ls -A locked)"
must_fail 1 "*cannot make the folder*" axcompile "$model" --calib "$calib" -o "$model/out"
finish
