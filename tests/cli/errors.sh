# Every tool on what is no model: it says what the file is, ends with 1, writes nothing. Limits of the disk and of the standard
# output are errors with a message, never a signal.
. "$(dirname "$0")/common.sh"
compile_digits
good=build/digits/digits/1 model=$source/models/digits/digits.onnx calib=$source/models/digits/calib
picture=$(ls "$source"/models/digits/images/7_*.png | head -1)

: >empty.axmodel
cp "$picture" picture.axmodel
head -c 5000 $good/model.axmodel >short.axmodel
echo '<!DOCTYPE html><html>' >page.axmodel
mkdir folder
for f in model.axmodel model.json; do
    mkdir -p "text_$f" && cp $good/* "text_$f" && echo "no such thing" >"text_$f/$f"
done

# on FILE PATTERN: all tools that take a compiled model.
on() {
    must_fail 1 "axinfo: *$1*$2*" axinfo "$1"
    must_fail 1 "axrun: *$1*$2*" axrun "$1" "$picture"
    must_fail 1 "axbench: *$1*$2*" axbench "$1" --count 1
    must_fail 1 "axsegment: *$1*$2*" axsegment "$1" --num_segments 2 -o cut
    must_fail 1 "axjoin: *$1*$2*" axjoin "$1" $good -o joined
    [ ! -e cut ] && [ ! -e joined ] || fail "left behind: $(ls -d cut joined 2>/dev/null)"
}
on missing.axmodel ""
on empty.axmodel "it is empty"
on picture.axmodel "a PNG picture"
on short.axmodel "cut short"
on page.axmodel "a web page"
on folder ""
on text_model.axmodel "it is text"

for f in empty.axmodel picture.axmodel page.axmodel folder; do
    must_fail 1 "axcompile: $f: *is *expected*" axcompile "$f" --calib "$calib" -o compiled
done
must_fail 1 "axcompile: *an .axmodel (a compiled model)*" axcompile $good/model.axmodel --calib "$calib" -o compiled
must_fail 2 "*--mean*'x' is not a number*" axcompile "$model" --calib "$calib" --mean 1,x -o compiled
must_fail 2 "*--std*0 is out of range*" axcompile "$model" --calib "$calib" --std 1,0 -o compiled
must_fail 2 "*--num_segments*auto|1..16*" axcompile "$model" --calib "$calib" --num_segments 17 -o compiled
must_fail 2 "*--num_segments*auto|1..16*" axsegment $good --num_segments 0 -o compiled
must_fail 2 "*--name*without /*" axcompile "$model" --calib "$calib" --name a/b
must_fail 2 "*--name*" axjoin $good $good --name ..
must_fail 1 "*--labels*no_such.txt*is not there*" axcompile "$model" --calib "$calib" --labels no_such.txt -o compiled
for shape in 1x3xa image:0x3 image:1x-3 1x1x1x1x1x1x1x1x1; do
    must_fail 2 "axcompile: --input_shape $shape: expected NAME:1x3x224x224*" axcompile "$model" --calib "$calib" -i $shape -o compiled
done
must_fail 2 "axrun: --raw 0x5: expected WIDTHxHEIGHT*" axrun $good - --raw 0x5
must_fail 2 "axrun: --raw 5x: expected WIDTHxHEIGHT*" axrun $good - --raw 5x
must_fail 2 "axrun: --models: '*,' has an empty name" axrun --models "$good," "$picture"
must_fail 2 "axrun: --models: priority=x: a number from 0 to *" axrun --models "$good:priority=x" "$picture"
must_fail 2 "axrun: --models: 'prio' behind a model; priority=N*" axrun --models "$good:prio=1" "$picture"
must_fail 2 "axsegment: --tolerance much: expected*" axsegment --check cut --tolerance much
must_fail 2 "axsegment: --replicas 1,x: expected auto*" axsegment $good --num_segments 2 --replicas 1,x -o compiled
[ ! -e compiled ] || fail "left behind: compiled"

# A file that may not grow. (Blocks of 1024 bytes.)
small() { (ulimit -f 4; "$@"); }
mkdir kept
cp $good/* kept
must_fail 1 "*kept/model.axmodel*cannot write*" small axcompile "$model" --calib "$calib" --force -o kept
must_fail 1 "*out/model.axmodel*cannot write*" small axcompile "$model" --calib "$calib" -o out
must_fail 1 "*cut*cannot write*" small axsegment $good --num_segments 2 -o cut
must_fail 1 "*joined*cannot write*" small axjoin $good $good -o joined
must_fail 1 "*trace.json*cannot write*" small axrun $good "$picture" --trace trace.json
for f in model.axmodel manifest.json model.json; do cmp -s $good/$f kept/$f || fail "kept/$f changed"; done
[ "$(ls -A kept | wc -l)" = "$(ls -A $good | wc -l)" ] || fail "left behind: $(ls -A kept)"
[ ! -e out ] && [ ! -e cut ] && [ ! -e joined ] && [ ! -e trace.json ] || fail "left behind: $(ls -d out cut joined trace* 2>/dev/null)"

# A standard output that is full.
if [ -c /dev/full ]; then
    full() { "$@" >/dev/full; }
    for tool in axcompile axrun axbench axinfo axsegment axjoin; do
        must_fail 1 "$tool: cannot write to the standard output" full $tool --help
    done
    must_fail 1 "axrun: cannot write*" full axrun --list
    must_fail 1 "axinfo: cannot write*" full axinfo $good
    must_fail 1 "axjoin: cannot write*" full axjoin --dry_run $good $good
fi
finish
