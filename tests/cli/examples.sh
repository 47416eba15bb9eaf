# The examples in C, on the models that ship.
. "$(dirname "$0")/common.sh"
compile_digits
axcompile "$source/models/shapes/shapes.onnx" --calib "$source/models/shapes/calib" >compile.txt 2>&1 || { cat compile.txt; exit 1; }
digits=build/digits/digits/1 shapes=build/shapes/shapes/1
pictures=$source/models

run classify
expect_rc 2
expect_err "usage*"
first=$(find "$pictures/digits/images" -type f | sort | head -1)
run classify "$digits" "$first" missing.png "$first"
expect_rc 1
expect_err "*missing.png*"
[ "$(grep -c '^1\. ' stdout.txt)" = 2 ] || fail "two pictures have a best class"
label=$(axrun "$digits" "$first" --csv --top_k 1 | tail -1 | cut -d, -f4)
expect_out "*1. $label (*"
must_fail 1 "*no-such*" classify no-such "$first"

scene=$(find "$pictures/shapes/images" -type f -name "scene*" | sort | head -1)
run detect "$shapes" "$scene" boxes.png
expect_rc 0
expect_quiet
[ -s boxes.png ] || fail "no picture was written"
# The same objects as axrun's.
axrun "$shapes" "$scene" | sed -n 's/^[0-9]*\. //p' >want.txt
sed 1d stdout.txt | cmp -s - want.txt || fail "not the objects that axrun finds: $(cat want.txt)"

run pipeline "$digits" 40 $(find "$pictures/digits/images" -type f | sort | head -3)
expect_rc 0
expect_out "synchronous: 40 frames, 120 results,*asynchronous: 40 frames, 120 results,*"

if [ "$(nproc)" -ge 2 ]; then
    run cascade "$shapes" "$digits" $(find "$pictures/shapes/images" -type f -name "scene*" | sort | head -3)
    expect_rc 0
    expect_quiet
    n=$(axrun "$shapes" "$scene" --csv | sed 1d | wc -l)
    [ "$(sed -n "1s/.*: //p" stdout.txt)" = "$n" ] || fail "$n objects in the first picture"
    [ "$(grep -c '^  ' stdout.txt)" -ge 3 ] || fail "regions were looked at"
fi
finish
