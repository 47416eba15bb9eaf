# axjoin as users meet it: inputs shared, chains, maps, preprocessing, scripts, and what must fail and write nothing.
. "$(dirname "$0")/common.sh"
join_models . || exit 1
compile_digits
digits=build/digits/digits/1
models=$source/models/digits
picture=$(ls "$models"/images/3_*.png | head -1)

# nothing PATH: a failed join leaves no file.
nothing() { [ -e "$1" ] && fail "$1 is there"; }

# -- ONNX: models of different opsets, one input --
run axjoin a.onnx b.onnx -o ab.onnx
expect_rc 0
expect_out "*x 1x3x8x8 float32 -> a/x b/x*a/y*b/y*equal to the bit*"
run axjoin a.onnx other.onnx -o renamed.onnx
expect_out "*x 1x3x8x8 float32 -> a/x other/data*"
run axjoin a.onnx a.onnx -o twice.onnx
expect_out "*a_1/y*a_2/y*Shared     2 operations and 1 constants*equal to the bit*"
[ "$(stat -c %s twice.onnx)" -lt "$(stat -c %s ab.onnx)" ] || fail "a model with itself is stored twice"
run axjoin a.onnx a.onnx --no_share -o apart.onnx
expect_out "*nothing (--no_share)*equal to the bit*"
run axjoin a.onnx b.onnx other.onnx -o three.onnx
expect_out "*x 1x3x8x8 float32 -> a/x b/x other/data*equal to the bit*"
run axjoin ab.onnx other.onnx -o again.onnx
expect_out "*ab/a/y*ab/b/y*other/out*equal to the bit*"
run axjoin a.onnx gain.onnx -o gained.onnx
expect_out "*x 1x3x8x8 float32 -> a/x gain/x*gain/gain 1x3x1x1 float32*equal to the bit*"
run axjoin a.onnx wide.onnx --action none -o none.onnx
expect_out "*a/x 1x3x8x8*wide/x 1x3x8x16*equal to the bit*"
run axjoin keeps.onnx a.onnx --action auto_chain -o chain.onnx
expect_out "*Feeds      keeps/y -> a/x*Outputs    a/y*equal to the bit*"
run axjoin a.onnx keeps.onnx --map keeps/y=a/x --outputs a/y,keeps/y -o custom.onnx
expect_out "*Feeds      keeps/y -> a/x*Outputs    a/y*           keeps/y*equal to the bit*"
run axjoin a.onnx a.onnx --scope left,right -o scoped.onnx --json
expect_out '*"scope": "left"*"left/y"*"right/y"*"exact": true*'
run axjoin a.onnx b.onnx -o dry.onnx --dry_run
expect_rc 0
expect_out "Plan*a/y*b/y*"
nothing dry.onnx

# -- compiled models --
run axjoin $digits $digits -o self --calib "$models/calib"
expect_rc 0
expect_out "*digits_1/image digits_2/image*Verified   16 inputs: every output equal to the bit*"
[ -e self/model.json ] && [ -e self/manifest.json ] || fail "model.json or manifest.json is missing"
run axrun self "$picture"
expect_out "digits_1:*1. 3 (*digits_2:*1. 3 (*"
run axbench self --count 5 --json
expect_rc 0
run axjoin $digits/model.axmodel $digits/model.json --no_share -o file.axmodel
expect_out "*equal to the bit*"
run axjoin self $digits -o again
expect_out "*self*equal to the bit*"
run axrun again "$picture"
expect_rc 0
expect_out "digits_1_digits_2/digits_1:*digits_1_digits_2/digits_2:*digits:*"
run axsegment self --num_segments 2 -o segments
expect_rc 0
run axjoin $digits $digits -o twin
run axjoin $digits $digits -o twin2
cmp -s twin/model.axmodel twin2/model.axmodel || fail "two joins of the same models differ"

# -- only normalization differs: it moves into the branches --
mkdir other && cp "$models/digits.onnx" other/toned.onnx && cp "$models/labels.txt" other
sed 's/digits.onnx/toned.onnx/; s/"name": "digits"/"name": "toned"/; s/0.5, 0.5, 0.5/0.4, 0.5, 0.6/' "$models/digits.json" >other/toned.json
run axjoin "$models/digits.onnx" other/toned.onnx -o joined/both.onnx --calib "$models/calib"
expect_out "*image 1x3x32x32 float32 pixels 0..255*Moved      digits*Moved      toned*Verified   16 inputs*"
run axcompile joined/both.onnx --calib "$models/calib"
expect_rc 0
run axrun both "$picture" --compare
expect_out "digits:*toned:*"
axcompile other/toned.onnx --calib "$models/calib" >/dev/null 2>&1
run axjoin digits.none build/toned/toned/1 -o missing
expect_rc 1
run axjoin $digits build/toned/toned/1 -o tones --calib "$models/calib"
expect_out "*pixels 0..255*Verified   16 inputs: every output equal to the bit*"
alone=$(axrun toned "$picture" | head -2 | tail -1)
run axrun tones "$picture"
expect_out "*toned:*$alone*"

# -- a script --
cat >script.json <<'J'
{
  "models": [
    {"path": "a.onnx", "scope": "first", "normalization": {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}},
    {"path": "a.onnx", "scope": "second", "normalization": {"mean": [127.5], "std": [128]}}
  ],
  "precision": [{"layers": "output", "mode": "a8_w8"}]
}
J
run axjoin --script script.json -o scripted.onnx
expect_rc 0
expect_out "*Moved      first*Moved      second*outputs \*: a8_w8*Verified   8 inputs*"
run axcompile scripted.onnx --calib "$models/calib"
expect_out "*first/y 1x4x8x8 int8*second/y 1x4x8x8 int8*"
echo '{"models": [{"path": "a.onnx", "scpoe": "x"}]}' >wrong.json
must_fail 1 "*scpoe*" axjoin --script wrong.json a.onnx -o wrong.onnx
nothing wrong.onnx

# -- where the result goes --
mkdir folder
run axjoin a.onnx b.onnx -o folder
expect_out "*-> folder/a_b.onnx*"
run axjoin $digits $digits --dry_run -o plan
expect_out "Plan*digits_1/*digits_2/*Memory*fits*"
nothing plan
cp $digits/model.axmodel alone.axmodel
run axjoin alone.axmodel alone.axmodel -o bare
expect_out "*alone_1/*alone_2/*"
for f in model.axmodel manifest.json model.json; do [ -e bare/$f ] || fail "bare/$f is missing"; done
run axinfo bare
expect_rc 0
expect_out "*alone_1/*"

# -- memory, of ONNX models too --
echo '{"format": "axon-device", "version": 1, "name": "small", "on_chip_bytes": 4000}' >small.json
run axjoin a.onnx b.onnx --device small.json --dry_run
expect_out "*once compiled: weights*on chip of 'small'*too much; * segments would fit (axsegment)*order*"
must_fail 3 "*more than the 4000 on the chip of 'small'*Nothing was written*" axjoin a.onnx b.onnx --device small.json --fit require -o bad.onnx
run axjoin a.onnx b.onnx --fit require -o fits.onnx
expect_out "*on chip of 'cpu'*: fits*"

# -- a proof that fails: a compiled model whose program is not its graph's --
for m in a b; do axcompile $m.onnx --calib random -o small/$m --name $m >/dev/null 2>&1 || fail "$m does not compile"; done
join_models small/a/model.axmodel small/b/model.axmodel liar.axmodel || fail "no liar"
must_fail 3 "*the proof failed*output 'liar/y'*not equal to the bit*nothing was written*" axjoin small/a liar.axmodel -o bad
must_fail 3 "*the proof failed*" axjoin small/a liar.axmodel -o bad.axmodel
run axjoin small/a liar.axmodel --verify 0 -o unproved
expect_out "*Verified   no*"

# -- a disk that is full: by a limit on files, and for real where a file system can be mounted --
(trap '' XFSZ; ulimit -f 1; axjoin a.onnx b.onnx --verify 0 -o bad.onnx) 2>stderr.txt && fail "written beyond the limit"
(trap '' XFSZ; ulimit -f 1; axjoin $digits $digits -o bad) 2>stderr.txt && fail "written beyond the limit"
grep -q "cannot write" stderr.txt || fail "no word of the disk: $(cat stderr.txt)"
mkdir full
if mount -t tmpfs -o size=64k none full 2>/dev/null; then
    must_fail 1 "*cannot write*" axjoin $digits $digits -o full/bad
    [ -z "$(find full -type f)" ] || fail "left on the full disk: $(find full -type f)"
    umount full
fi

# -- what must fail, saying both sides, and write nothing --
must_fail 1 "*a/x is float32 1x3x8x8 NCHW*wide/x is float32 1x3x8x16 NCHW*" axjoin a.onnx wide.onnx -o bad.onnx
must_fail 1 "*cycle*" axjoin keeps.onnx keeps.onnx --map keeps_1/y=keeps_2/x,keeps_2/y=keeps_1/x -o bad.onnx
must_fail 1 "*no output is named 'a/z'*a/y*" axjoin a.onnx keeps.onnx --map a/z=keeps/x -o bad.onnx
must_fail 1 "*a/y is float32 1x4x8x8*cannot feed keeps/x*1x3x8x8*" axjoin a.onnx keeps.onnx --map a/y=keeps/x -o bad.onnx
must_fail 1 "*'s' is given to two models*" axjoin a.onnx b.onnx --scope s,s -o bad.onnx
must_fail 1 "*no output of*fits*" axjoin a.onnx keeps.onnx --action auto_chain -o bad.onnx
must_fail 1 "*not there*" axjoin a.onnx nowhere.onnx -o bad.onnx
must_fail 1 "*one kind*" axjoin a.onnx $digits -o bad.onnx
must_fail 2 "*at least two*" axjoin a.onnx -o bad.onnx
must_fail 1 "*NAME*" axjoin a.onnx b.onnx --input_shape x:1xq -o bad.onnx
head -c 200 a.onnx >broken.onnx
must_fail 1 "*broken.onnx*" axjoin a.onnx broken.onnx -o bad.onnx
nothing bad.onnx
head -c 20000 $digits/model.axmodel >broken.axmodel
must_fail 1 "*broken.axmodel*" axjoin $digits broken.axmodel -o bad
sed 's/"letterbox": false/"letterbox": true/' other/toned.json >other/boxed.json && cp other/toned.onnx other/boxed.onnx
must_fail 1 "*different ways*letterbox*" axjoin "$models/digits.onnx" other/boxed.onnx -o bad.onnx
echo '{"format": "axon-device", "version": 1, "name": "tiny", "on_chip_bytes": 100000}' >tiny.json
must_fail 3 "*more than the 100000 on the chip of 'tiny'*" axjoin $digits build/toned/toned/1 --device tiny.json --fit require -o bad
run axjoin $digits build/toned/toned/1 --device tiny.json --dry_run
expect_out "*too much; * segments would fit*"
echo file >occupied
must_fail 1 "*occupied*" axjoin a.onnx b.onnx -o occupied/x.onnx
must_fail 1 "*occupied*" axjoin $digits $digits -o occupied/x
nothing bad.onnx
nothing bad.axmodel
nothing bad
finish
