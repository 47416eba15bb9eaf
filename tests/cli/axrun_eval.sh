# axrun --eval: classes from lines and from folders, boxes in COCO's form, both pipes side by side, detections for other tools.
. "$(dirname "$0")/common.sh"
compile_digits
images=$source/models/digits/images

# The pictures' names say what they show: 3_0001.png is a three; one line is wrong on purpose.
(cd "$images" && for f in *.png; do echo "$f,${f%%_*}"; done) >right.csv
n=$(wc -l <right.csv)
run axrun digits --eval right.csv "$images" --pipe both
expect_rc 0
expect_out "$n pictures
*int8*float*difference
top-1 *1.0000*1.0000*+0.0000
top-5 *1.0000*1.0000*+0.0000"
{ echo "file,class"; sed 's/^\(.*\),.*/\1 9/' right.csv; } >nines.csv
run axrun digits --eval nines.csv "$images" --json
expect_rc 0
expect_out '*"pictures": '$n'*"int8"*"top-1": 0.*"top-5"*'
mkdir folders
(cd "$images" && for f in *.png; do mkdir -p "$dir/folders/${f%%_*}"; cp "$f" "$dir/folders/${f%%_*}"; done)
run axrun digits --eval folders --pipe float
expect_rc 0
expect_out "$n pictures
*float
top-1 *1.0000
top-5 *1.0000"
echo "$(ls "$images" | head -1),eleven" >unknown.csv
must_fail 1 "*'eleven'*neither a number nor one of the model's labels*" axrun digits --eval unknown.csv "$images"
echo "nothing" >broken.csv
must_fail 1 "*broken.csv:1: a file and its class are expected*" axrun digits --eval broken.csv "$images"
must_fail 1 "*nowhere*" axrun digits --eval nowhere.csv "$images"

# Boxes: what the float model finds is made the truth, so that it must find all of it.
axcompile "$source/models/shapes/shapes.onnx" --calib "$source/models/shapes/calib" >compile.txt 2>&1 || { cat compile.txt; exit 1; }
images=$source/models/shapes/images
axrun shapes "$images" --pipe float --json >found.json 2>/dev/null
if ! python3 - <<'END'; then finish; fi
import json, os
results = json.load(open('found.json'))['results']
names = sorted({o['label'] for r in results for o in r['float']['objects']})
truth = {'images': [], 'categories': [{'id': 7 * i + 3, 'name': n} for i, n in enumerate(names)], 'annotations': []}
for i, r in enumerate(results):
    truth['images'].append({'id': 100 - i, 'file_name': os.path.basename(r['input'])})
    for o in r['float']['objects']:
        l, t, b, e = o['box']
        truth['annotations'].append({'id': len(truth['annotations']) + 1, 'image_id': 100 - i, 'iscrowd': 0,
                                     'category_id': 7 * names.index(o['label']) + 3, 'bbox': [l, t, b - l, e - t]})
json.dump(truth, open('truth.json', 'w'))
for c in truth['categories']: c['name'] += ' of another world'
json.dump(truth, open('other.json', 'w'))
END
run axrun shapes --eval truth.json "$images" --pipe both --json
expect_rc 0
expect_out '*"int8": {
*"mAP@0.5": [01].*
*"float": {
*"mAP@0.5": [01].*'
run axrun shapes --eval truth.json "$images" --pipe float --out detections.json
expect_rc 0
expect_out "*mAP@0.5   *
mAP@0.5:0.95*
mAP@0.5:0.95 by class
circle *"
# The same figures from the detections that were written.
average_precision truth.json detections.json >again.txt || fail "average_precision"
map=$(printf '%.4f' "$(head -1 again.txt)")
[[ $out == *"mAP@0.5 "*"$map"* ]] || fail "mAP@0.5 of the detections is $map"
[[ $map == 1.0000 || $map == 0.99* ]] || fail "the model does not find what it found: $map"
must_fail 1 "*none of its categories ('circle of another world'...) is one of the labels of the model*--labels*" \
    axrun shapes --eval other.json "$images"
echo '{"images": [], "categories": []}' >empty.json
must_fail 1 "*empty.json*\"annotations\" is missing*" axrun shapes --eval empty.json "$images"
must_fail 1 "*right.csv*classification*COCO*" axrun shapes --eval right.csv "$images"
finish
