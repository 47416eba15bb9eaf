# axrun on a detector: boxes in the pictures' own pixels.
. "$(dirname "$0")/common.sh"
axcompile "$source/models/shapes/shapes.onnx" --calib "$source/models/shapes/calib" >compile.txt 2>&1 || { cat compile.txt; exit 1; }
picture=$source/models/shapes/images/scene_001.png
run axrun shapes "$picture"
expect_rc 0
expect_out "5 objects:
1. triangle (0.9*) at 6[345].*, 4[345].* to *
*circle (0.*) at 10[34].*, 7[45].* to *"
run axrun shapes "$picture" --json
expect_rc 0
expect_out '*"objects": [[]*"label": "triangle", "score": 0.9*"box": [[]6[345]*'
run axrun shapes "$picture" --compare
expect_rc 0
expect_out "*int8
5 objects:*float
5 objects:*output 'output0': SQNR [2-6]*dB"
sed -i 's/"confidence_threshold": 0.25/"confidence_threshold": 0.999/' build/shapes/shapes/1/model.json
run axrun shapes "$picture"
expect_rc 0
expect_out "0 objects"
sed -i 's/decode_yolov8/decode_yolox/' build/shapes/shapes/1/model.json
must_fail 1 "*decode_yolox*1x10x320*expected*" axrun shapes "$picture"
finish
