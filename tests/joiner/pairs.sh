# Every pair of six real models of one input size, as ONNX and compiled: joined, proved, run; then a model with itself, several
# inputs of which one is shared, a chain and a custom map, compiled. pairs.sh BIN SOURCE BUILD [MODELS]
here=$(cd "$(dirname "$0")" && pwd)
shared=${4:-$2/../shared/models}/classify
command -v xz >/dev/null && [ -e "$shared/squeezenet1.1.onnx" ] || { echo "skipped: the real models are not here"; exit 77; }
shared=$(cd "$shared" && pwd)
. "$here/../cli/common.sh"
picture=$(ls "$shared"/../data/photos/*.jpg "$shared"/../data/imagenet250/*.jpg 2>/dev/null | head -1)
mkdir onnx

# model NAME FILE COLOR SCALE MEAN STD: the .onnx with a model.json beside it that says how it wants its pictures.
model() {
    case $2 in *.xz) xz -dc "$shared/$2" >"onnx/$1.onnx" ;; *) ln -s "$shared/$2" "onnx/$1.onnx" ;; esac
    cat >"onnx/$1.json" <<J
{"name": "$1", "model": "$1.onnx",
 "preprocessing": [{"type": "resize", "width": 224, "height": 224, "mode": "crop"}, {"type": "color", "order": "$3"},
                   {"type": "normalize", "scale": $4, "mean": $5, "std": $6}],
 "postprocessing": [{"type": "classification", "top_k": 1}]}
J
    names="$names $1"
}
byte=0.00392156862745098
model squeezenet squeezenet1.1.onnx rgb $byte "[0.485, 0.456, 0.406]" "[0.229, 0.224, 0.225]"
model caffe squeezenet1.1_caffe.onnx.xz bgr 1 "[104, 117, 123]" 1
model mobilenet2 mobilenetv2-7.onnx rgb $byte "[0.485, 0.456, 0.406]" "[0.229, 0.224, 0.225]"
model mobilenet1 mobilenet_v1_0.25_224_bn.onnx rgb 1 127.5 127.5
model mobilenet2tf mobilenet_v2_1.0_224_tf_dq.onnx.xz rgb 1 127.5 127.5
model edge mobilenet_edgetpu_0.75_224_dq.onnx.xz rgb 1 127.5 127.5

for m in $names; do
    run axcompile onnx/$m.onnx --batch 1 --calib random --calib_count 2 -o int8/$m
    expect_rc 0
done

# Steps, and the words "of", of the joined model and of its parts.
steps() { sed -n 's/.* steps \([0-9]* of [0-9]*\),.*/\1/p' <<<"$out"; }

for a in $names; do
    seen=
    for b in $names; do
        [ $b = $a ] && seen=1
        [ "$seen" ] || continue
        run axjoin onnx/$a.onnx onnx/$b.onnx --batch 1 --verify 2 -o pairs/$a-$b.onnx
        expect_rc 0
        expect_out "*Verified   2 inputs: every output *"
        rm -f pairs/$a-$b.onnx
        [ $a = $b ] && expect_out "*equal to the bit*"
        run axjoin int8/$a int8/$b --verify 3 -o pairs/$a-$b
        expect_rc 0
        expect_out "*Verified   3 inputs: every output equal to the bit*"
        if [ $a = $b ]; then
            set -- $(steps)
            [ "$((2 * $1))" -ge "$3" ] && [ "$1" -le "$(($3 / 2 + 2))" ] || fail "a model with itself takes $1 of $3 steps"
        elif [ "$picture" ]; then
            one=$(axrun int8/$a "$picture" | tail -1) other=$(axrun int8/$b "$picture" | tail -1)
            run axrun pairs/$a-$b "$picture"
            expect_out "*$a:*$one*$b:*$other*"
        fi
        rm -rf pairs/$a-$b
    done
done

# All six at once.
run axjoin $(printf 'int8/%s ' $names) --verify 2 -o six
expect_out "*every output equal to the bit*"

# -- small ones, compiled: several inputs, a chain, a map, another order of outputs --
join_models . || exit 1
for m in a b keeps gain; do
    run axcompile $m.onnx --calib random --calib_count 16 -o small/$m --name $m
    expect_rc 0
done
run axjoin small/a small/gain -o gained
expect_out "*x 1x3x8x8 float32* -> a/x gain/x*gain/gain 1x3x1x1 float32*equal to the bit*"
run axjoin small/keeps small/a --action auto_chain -o chain
expect_out "*Feeds      keeps/y -> a/x*Outputs    a/y*equal to the bit*"
run axjoin small/a small/keeps small/b --map keeps/y=a/x --outputs b/y,a/y,keeps/y -o mapped
expect_out "*Feeds      keeps/y -> a/x*Outputs    b/y*           a/y*           keeps/y*equal to the bit*"
run axjoin small/a small/b --action none -o apart
expect_out "*a/x 1x3x8x8*b/x 1x3x8x8*equal to the bit*"
must_fail 1 "*cycle*" axjoin small/keeps small/keeps --map keeps_1/y=keeps_2/x,keeps_2/y=keeps_1/x -o bad
[ -e bad ] && fail "bad is there"
finish
