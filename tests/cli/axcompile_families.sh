# Pipelines of families: given, kept, replaced; guessed ones are said to be; edits of model.json and what is wrong with them.
. "$(dirname "$0")/common.sh"
models=$source/models
cp "$models/shapes/shapes.onnx" "$models/digits/digits.onnx" .
picture=$models/shapes/images/scene_001.png

# Nobody says anything: guessed, and said.
run axcompile digits.onnx --calib "$models/digits/calib"
expect_rc 0
expect_err "axcompile: warning: nobody said how pictures become the input of digits; guessed: cropped, RGB, scaled to 0..1.*--family*--mean*"
run axcompile digits.onnx --calib "$models/digits/calib" --scale 0.0039215686 -o said
expect_rc 0
expect_quiet

# A family, fitted to the input; its labels are COCO's, and the model has six classes.
run axcompile shapes.onnx --family yolov8 --calib "$models/shapes/calib"
expect_rc 0
expect_out "*Pipeline   family yolov8
*its 80 labels are left out*--labels*"
expect_quiet
json=build/shapes/shapes/1/model.json
grep -q '"family": "yolov8"' $json || fail "model.json names its family"
grep -q '"width": 128' $json || fail "the size is the model's"
run axrun shapes "$picture"
expect_rc 0
expect_out "5 objects:
1. class*"

# Edits change the next run, and outlive a compile that has nothing to do.
sed -i 's/"confidence_threshold": 0.25/"confidence_threshold": 0.999/' $json
run axrun shapes "$picture"
expect_out "0 objects"
run axcompile shapes.onnx --family yolov8 --calib "$models/shapes/calib"
expect_rc 0
expect_out "*nothing changed*recompiles)"
run axrun shapes "$picture"
expect_out "0 objects"

# Labels go into what was edited.
printf 'one\ntwo\nthree\nfour\nfive\nsix\n' >names.txt
run axcompile shapes.onnx --family yolov8 --labels names.txt --calib "$models/shapes/calib"
expect_rc 0
expect_out "*nothing changed*its model.json is new"
sed -i 's/"confidence_threshold": 0.999/"confidence_threshold": 0.25/' $json
run axrun shapes "$picture"
expect_out "5 objects:
1. three*"

# Another family of the same preprocessing: no compiling, a new model.json.
cp build/shapes/shapes/1/model.axmodel before
run axcompile shapes.onnx --family yolo26 --calib "$models/shapes/calib"
expect_rc 0
expect_out "*nothing changed*its model.json is new"
cmp -s before build/shapes/shapes/1/model.axmodel || fail "the artifact is another"
must_fail 1 "*decode_end2end*expected*" axrun shapes "$picture"

# A file of one's own is followed as well.
cp "$models/shapes/shapes.json" own.json
run axcompile shapes.onnx --pipeline own.json --calib "$models/shapes/calib" --labels "$models/shapes/labels.txt"
expect_rc 0
run axrun shapes "$picture"
expect_out "5 objects:
1. triangle*"

echo "{" >build/shapes/shapes/1/model.json
must_fail 1 "*model.json*" axcompile shapes.onnx --calib "$models/shapes/calib"
run axcompile shapes.onnx --pipeline own.json --calib "$models/shapes/calib" --labels "$models/shapes/labels.txt"
expect_rc 0
expect_out "*nothing changed*its model.json is new"

must_fail 1 "*no family 'yolov88'; did you mean 'yolov8'*" axcompile shapes.onnx --family yolov88 --calib "$models/shapes/calib"
must_fail 1 "*--pipeline and --family*" axcompile shapes.onnx --family yolov8 --pipeline own.json --calib "$models/shapes/calib"

# What is wrong with an edit, and where.
wrong() { # EDIT PATTERN
    cp good.json $json
    sed -i "$1" $json
    cmp -s good.json $json && fail "the edit $1 changes nothing"
    must_fail 1 "$2" axrun shapes "$picture"
}
cp $json good.json
wrong 's/"type": "nms"/"type": "nmss"/' "*model.json: \$.postprocessing[[]1].type: 'nmss' is no step that is known; did you mean 'nms'*"
wrong 's/"iou_threshold": [0-9.]*/"iou_threshold": 1.5/' "*\$.postprocessing[[]1].iou_threshold: 1.5 is out of range*0*1*"
wrong 's/"iou_threshold": [0-9.]*/"iou_threshold": "half"/' "*\$.postprocessing[[]1].iou_threshold: is a string; a number is expected*"
wrong 's/"iou_threshold"/"overlap"/' "*\$.postprocessing[[]1]*overlap*"
wrong 's/"width": 128/"width": -1/' "*\$.preprocessing[[]0].width: -1 is out of range*"
wrong 's/"type": "resize"/"type": "nms"/' "*\$.preprocessing[[]0].type: 'nms' is a step of postprocessing, not of preprocessing*"
wrong 's/"postprocessing"/"postprocesing"/' "*postprocesing*did you mean \"postprocessing\"*"
wrong 's/"width": 128/"width": 64/' "*preprocessing ends with a picture of 64x128*128*"
finish
