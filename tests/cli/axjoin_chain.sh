# A joined model's whole life: run on pictures, segmented, profiled, compiled, joined again; both results shown, and the same as
# each model's alone.
. "$(dirname "$0")/common.sh"
models=$source/models
compile_digits
picture=$(ls "$models"/digits/images/3_*.png | head -1)

# toned: another model of the same picture, in other colours and with another normalization.
mkdir other && cp "$models/digits/digits.onnx" other/toned.onnx && cp "$models/digits/labels.txt" other
sed 's/digits.onnx/toned.onnx/; s/"name": "digits"/"name": "toned"/; s/"rgb"/"bgr"/; s/0.5, 0.5, 0.5/0.4, 0.5, 0.6/; s/"top_k": 3/"top_k": 2/' \
    "$models/digits/digits.json" >other/toned.json
axcompile other/toned.onnx --calib "$models/digits/calib" >compile.txt 2>&1 || fail "toned does not compile"
digits=build/digits/digits/1 toned=build/toned/toned/1

# result MODEL SCOPE: what axrun says of a model, without the picture's line.
alone() { axrun "$1" "$picture" | tail -n +2; }
# Both results, in the words of each model alone.
shows_both() {
    for line in "$(alone digits | head -1)" "$(alone toned | head -1)"; do
        [[ $out == *"$line"* ]] || fail "stdout lacks '$line'"
    done
}

# -- compiled --
run axjoin $digits $toned -o tones --calib "$models/digits/calib"
expect_rc 0
expect_out "*image 1x3x32x32 float32 pixels 0..255 -> digits/image toned/image*Moved      toned: RGB to BGR*every output equal to the bit*"
run axrun tones "$picture"
expect_out "*digits:*toned:*"
shows_both
whole=$out
run axinfo tones
expect_rc 0
expect_out "*digits/*toned/*"
run axbench tones --count 3 --profile profile.json
expect_rc 0
grep -q '"digits/' profile.json && grep -q '"toned/' profile.json || fail "the profile does not name both scopes"
run axsegment tones --num_segments 2 -o halves
expect_rc 0
run axrun halves "$picture"
expect_rc 0
[ "$(tail -n +2 <<<"$out")" = "$(tail -n +2 <<<"$whole")" ] || fail "segments show another result than the whole: $whole"
run axbench halves --count 3
expect_rc 0
run axjoin tones $digits -o three
expect_out "*pixels 0..255*Shared     *every output equal to the bit*"
run axrun three "$picture"
expect_out "*digits_toned/digits:*digits_toned/toned:*digits:*"
shows_both
run axsegment three --num_segments 3 -o thirds
expect_rc 0

# -- a detector with itself in other colours --
axcompile "$models/shapes/shapes.onnx" --calib "$models/shapes/calib" >compile.txt 2>&1 || fail "shapes does not compile"
cp "$models/shapes/shapes.onnx" other/swapped.onnx && cp "$models/shapes/labels.txt" other
sed 's/shapes.onnx/swapped.onnx/; s/"name": "shapes"/"name": "swapped"/; s/"rgb"/"bgr"/' "$models/shapes/shapes.json" >other/swapped.json
axcompile other/swapped.onnx --calib "$models/shapes/calib" >compile.txt 2>&1 || fail "swapped does not compile"
scene=$(ls "$models"/shapes/images/*.png | head -1)
run axjoin build/shapes/shapes/1 build/swapped/swapped/1 -o pair
expect_out "*Moved      shapes: (pixel*Moved      swapped: RGB to BGR*equal to the bit*"
for m in shapes swapped; do axrun $m "$scene" | tail -n +2 >$m.txt; done
run axrun pair "$scene"
expect_out "*shapes:*swapped:*"
for m in shapes swapped; do
    while read -r line; do [[ $out == *"$line"* ]] || fail "stdout lacks '$line' of $m"; done <$m.txt
done

# -- ONNX: joined, compiled as one, segmented, joined again --
run axjoin "$models/digits/digits.onnx" other/toned.onnx -o joined/both.onnx
expect_out "*Moved      toned: RGB to BGR*once compiled:*Verified   8 inputs*"
run axcompile joined/both.onnx --calib "$models/digits/calib"
expect_rc 0
run axrun both "$picture"
expect_out "*digits:*1. 3 (*toned:*"
run axsegment build/both/both/1 --num_segments 2 -o both2
expect_rc 0
run axjoin joined/both.onnx "$models/digits/digits.onnx" -o joined/three.onnx
expect_out "*both/digits/*both/toned/*digits/*Verified   8 inputs*"
run axcompile joined/three.onnx --calib "$models/digits/calib"
expect_rc 0
run axrun build/three/three/1 "$picture"
expect_out "*both/digits:*both/toned:*digits:*"

# -- precision by layer and output: written into the .onnx, obeyed by axcompile, kept by another join --
cat >script.json <<J
{
  "models": [{"path": "$models/digits/digits.onnx", "scope": "left"}, {"path": "$models/digits/digits.onnx", "scope": "right"}],
  "precision": [{"layers": "output", "mode": "a8_w8"}, {"outputs": ["right/*"], "mode": "float32"},
                {"layers": ["left/*"], "mode": "float32"}]
}
J
run axjoin --script script.json --no_share -o precise.onnx
expect_out "*outputs \*: a8_w8*outputs right/\*: float32*layers left/\*: float32*"
run axcompile precise.onnx --calib "$models/digits/calib" --show_operations
expect_out "*left/* int8*right/* float32*the user asked for float*"
run axcompile precise.onnx --calib "$models/digits/calib" --output_type float32
expect_out "*left/* float32*right/* float32*"
run axjoin precise.onnx "$models/digits/digits.onnx" -o more.onnx
expect_out "*layers precise/left/\*: float32*"
run axcompile more.onnx --calib "$models/digits/calib"
expect_out "*precise/left/* int8*precise/right/* float32*"
sed -i 's/"right\/\*"/"middle\/*"/' script.json
must_fail 1 "*no output of the joined model is named 'middle/\**" axjoin --script script.json -o wrong.onnx
[ -e wrong.onnx ] && fail "wrong.onnx is there"
must_fail 1 "*precision is chosen when a model is compiled*" axjoin $digits $digits --script <(echo '{"precision": [{"layers": "output", "mode": "a8_w8"}]}') -o wrong
finish
