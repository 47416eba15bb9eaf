# axrun on several models: cascades of the models that ship, models side by side, objects followed through a video.
. "$(dirname "$0")/common.sh"
ln -s "$source/models" models
scenes=$(find "$source/models/shapes/images" -name "scene*" | sort)
scene=$(echo "$scenes" | head -1)
digit=$(find "$source/models/digits/images" -type f | sort | head -1)

# Detector and classifier; both are compiled on the first run.
run axrun models/cascades/shapes_digits.json "$scene" --json
expect_rc 0
[ -f build/shapes/shapes/1/model.axmodel ] && [ -f build/digits/digits/1/model.axmodel ] || fail "the models were not compiled"
run axrun "$source/models/cascades/shapes_digits.json" $scenes --json
expect_rc 0
cp stdout.txt nested.json
python3 - nested.json <<'P' || fail "regions without digits, or digits where none were asked for"
import json, sys
for r in json.load(open(sys.argv[1]))["results"]:
    objects = r["int8"]["objects"]
    good = [o for o in objects if o["score"] >= 0.4][:8]
    assert [o for o in objects if "stages" in o] == good, r
    assert all(len(o["stages"]["digits"]["classes"]) == 3 for o in good), r
P
run axrun "$source/models/cascades/shapes_digits.json" $scenes --json --synchronous
cmp -s stdout.txt nested.json || fail "synchronous gives something else"
run axrun "$source/models/cascades/shapes_digits.json" $scenes --json --depth 1 --cores 1
cmp -s stdout.txt nested.json || fail "one core, one frame at a time gives something else"
# The first stage's answers are those of its model alone.
axrun shapes $scenes --csv | sed 1d >alone.csv
axrun "$source/models/cascades/shapes_digits.json" $scenes --csv --top_k 1 | sed 1d >both.csv
grep -v "/digits/int8," both.csv | cmp -s - alone.csv || fail "the first stage finds something else than its model alone"
[ "$(grep -c ",[0-9]*/digits/int8," both.csv)" -gt 10 ] || fail "no lines of the second stage"
run axrun "$source/models/cascades/shapes_digits.json" "$scene" --save drawn
expect_rc 0
expect_out "*objects:*1. *  digits: *"
[ -s drawn/$(basename "$scene") ] || fail "no picture was written"

# A detector on its own objects: what it finds there, moved back, is where it was. Regions beyond the edge are clipped.
cat >twice.json <<'J'
{"name": "twice", "stages": [
  {"name": "first", "model": "shapes"},
  {"name": "again", "model": "build/shapes/shapes/1", "cores": "auto",
   "regions": {"of": "first", "min_score": 0.7, "max": 3, "scale": 2.2, "square": true, "fit": "letterbox"},
   "nms": {"iou_threshold": 0.45}}]}
J
run axrun twice.json $scenes --json
expect_rc 0
python3 - stdout.txt <<'P' || fail "objects are not where they were"
import json, sys
def overlap(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
looked = found = 0
for r in json.load(open(sys.argv[1]))["results"]:
    inner = [(o, n) for o in r["int8"]["objects"] if "stages" in o for n in o["stages"]["again"]["objects"]]
    looked += sum("stages" in o for o in r["int8"]["objects"])
    assert sum("stages" in o for o in r["int8"]["objects"]) <= 3, r
    for o in r["int8"]["objects"]:
        if "stages" in o: found += any(overlap(o["box"], n["box"]) > 0.7 for _, n in inner)
    for o, n in inner:
        assert 0 <= n["box"][0] <= n["box"][2] <= r["width"] and 0 <= n["box"][1] <= n["box"][3] <= r["height"], n
    for i, (_, a) in enumerate(inner):  # duplicates are gone
        assert all(a["index"] != b["index"] or overlap(a["box"], b["box"]) <= 0.45 for _, b in inner[:i]), (a, inner)
print(looked, found)
assert looked > 15 and found >= 0.8 * looked
P

# Wherever it runs, and however many regions a run holds: the same answers. Each stage on a device of its own, too.
cascade="$source/models/cascades/shapes_digits.json"
for how in "--device sim:metis" "--device sim:hailo8-like" "--device sim:metis --batch 2" "--devices sim:metis,cpu" "--batch 2"; do
    run axrun "$cascade" $scenes --json $how
    case $err in *"a batch of 2 regions wants one for each"*) continue ;; esac # a machine with one core
    expect_rc 0
    cmp -s stdout.txt nested.json || fail "'$how' gives something else"
done
must_fail 1 "*2 stages on 3 devices*" axrun "$cascade" "$scene" --devices sim:metis,sim:metis,cpu
must_fail 1 "*stage 'digits' has 1 core, and a batch of 2 regions wants one for each*" axrun "$cascade" "$scene" --batch 2 --cores 1
run axrun "$cascade" $scenes --profile --json --devices sim:metis,cpu
expect_rc 0
expect_out '*"layers": [[]*"stage": "shapes"*"stage": "digits"*"devices": [[]*"name": "sim:metis"*"name": "cpu"*'

# The float models behind the same steps; labels of a stage.
run axrun "$cascade" $scenes --csv --pipe float
expect_rc 0
[ "$(grep -c "/digits/float," stdout.txt)" -gt 10 ] && ! grep -q int8 stdout.txt || fail "not the float models"
axrun shapes $scenes --csv --pipe float | sed 1d >alone.csv
axrun "$cascade" $scenes --csv --pipe float --top_k 1 | sed 1d | grep -v /digits/ | cmp -s - alone.csv ||
    fail "the first stage finds something else than its float model alone"
printf '%s\n' zero one two three four five six seven eight nine >words.txt
run axrun "$cascade" "$scene" --csv --labels digits=words.txt
expect_rc 0
grep -Eq "/digits/int8,[0-9],(zero|one|two|three|four|five|six|seven|eight|nine)," stdout.txt || fail "no labels"
must_fail 1 "*which model's classes are these?*digits=words.txt*" axrun "$cascade" "$scene" --labels words.txt
must_fail 1 "*there is no stage 'digit'; the stages are shapes, digits*" axrun "$cascade" "$scene" --labels digit=words.txt
must_fail 1 "*--labels digits=nowhere.txt: there is no such file*" axrun "$cascade" "$scene" --labels digits=nowhere.txt

# Scored against what it found itself: boxes whose class the last stage says, boxes of the last stage, classes of the best region.
axrun twice.json $scenes --json >twice.txt
python3 - "$source/models/shapes/images" <<'P' || exit 1
import json, os, sys
def coco(results, boxes, path):
    names = sorted({label for _, found in boxes for _, label in found})
    out = {"images": [], "annotations": [], "categories": [{"id": 10 + i, "name": n} for i, n in enumerate(names)]}
    for i, (name, found) in enumerate(boxes):
        out["images"].append({"id": i, "file_name": name})
        for box, label in found:
            out["annotations"].append({"id": len(out["annotations"]) + 1, "image_id": i, "category_id": 10 + names.index(label), "iscrowd": 0,
                "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]], "area": (box[2] - box[0]) * (box[3] - box[1])})
    json.dump(out, open(path, "w"))
results = json.load(open("nested.json"))["results"]
name = lambda r: os.path.basename(r["input"])
looked = lambda r: [o for o in r["int8"]["objects"] if "stages" in o]
coco(results, [(name(r), [(o["box"], o["stages"]["digits"]["classes"][0]["label"]) for o in looked(r)]) for r in results], "digits.json")
with open("digits.csv", "w") as f:
    for r in results:
        o = max(looked(r), key=lambda o: o["score"], default=None)
        f.write(f"{name(r)},{o['stages']['digits']['classes'][0]['label'] if o else 0}\n")
results = json.load(open("twice.txt"))["results"]
coco(results, [(name(r), [(n["box"], n["label"]) for o in looked(r) for n in o["stages"]["again"]["objects"]]) for r in results], "again.json")
P
run axrun "$cascade" --eval digits.json "$source/models/shapes/images" --json
expect_rc 0
expect_out '*"mAP@0.5": 1.0,*'
run axrun "$cascade" --eval digits.csv "$source/models/shapes/images" --json
expect_rc 0
expect_out '*"top-1": *"top-5": *'
python3 -c 'import json, sys
d = json.load(open("stdout.txt"))
seen = sum(any("stages" in o for o in r["int8"]["objects"]) for r in json.load(open("nested.json"))["results"])
assert abs(d["int8"]["top-1"] - seen / d["pictures"]) < 1e-6, (d, seen)' || fail "not each picture's own class"
run axrun twice.json --eval again.json "$source/models/shapes/images" --json --out again_found.json
expect_rc 0
python3 -c 'import json
d = json.load(open("stdout.txt"))
assert d["int8"]["mAP@0.5"] > 0.97, d
assert len(json.load(open("again_found.json"))) > len(json.load(open("again.json"))["annotations"])' || fail "not its own boxes"
must_fail 1 "*none of its categories ('circle'...) is one of the labels of digits ('0'...)*--labels digits=FILE*" \
    axrun "$cascade" --eval "$source/models/shapes/images/labels.json" "$source/models/shapes/images"
must_fail 1 "*digits.csv*labels of a classifier*model.json of again*" axrun twice.json --eval digits.csv "$source/models/shapes/images"

# What is wrong with a descriptor, and with what is asked for.
sed 's/"cores": "auto"/"cores": 1000/' twice.json >greedy.json
must_fail 1 "*twice: its stages ask for 1000 cores and 1 stage needs at least one, but there are*" axrun greedy.json "$scene"
sed 's/"scale"/"scal"/' twice.json >misspelt.json
must_fail 1 "*misspelt.json: \$.stages\[1\].regions*did you mean \"scale\"?*" axrun misspelt.json "$scene"
sed 's/"model": "shapes"/"model": "shape"/' twice.json >missing.json
must_fail 1 "*stage 'first': no model 'shape'*did you mean shapes?*" axrun missing.json "$scene"
for how in "--tensors x.npz" "--pipe both" --compare --callback "--instances 2"; do
    must_fail 2 "*does not go with a cascade: *" axrun twice.json "$scene" $how
done
must_fail 2 "*no input*" axrun twice.json
run axrun twice.json missing.png "$scene" --json
expect_rc 1
expect_err "*missing.png*"

# Results that do not come: the frame fails, others go on, and nothing hangs or is read too early.
run axrun twice.json $scenes --json --timeout 10 --on_error retry --retries 1000
expect_rc 0
cp stdout.txt slow.json
run axrun twice.json $scenes --json
cmp -s stdout.txt slow.json || fail "waiting again gives something else"
run axrun twice.json $scenes --json --timeout 1 --depth 2
case $rc in
0) ;; # a fast machine
1) expect_err "*stage 'first', region 1 of 1: the inference timed out: *timeout*frame*skipped*" ;;
*) fail "exit code 0 or 1 expected" ;;
esac

# Models side by side: each as if it were alone.
axrun digits $scenes "$digit" --csv | sed 1d >digits.csv
axrun shapes $scenes "$digit" --csv | sed 1d >shapes.csv
for rules in "shapes,digits" "shapes:priority=20:threshold=3:timeout=20,digits:priority=0"; do
    run axrun --models "$rules" $scenes "$digit" --csv --profile
    expect_rc 0
    expect_err "*shapes: * runs on * core*turns*digits: * runs on * core*turns*"
    sed -n 's,shapes/int8,int8,p' stdout.txt | cmp -s - shapes.csv || fail "shapes beside digits finds something else"
    sed -n 's,digits/int8,int8,p' stdout.txt | cmp -s - digits.csv || fail "digits beside shapes finds something else"
done
run axrun -m shapes,shapes "$scene" --json
expect_rc 0
expect_out '*"branches": {*"shapes": {*"shapes_2": {*'
must_fail 2 "*--models: priority=99: a number from 0 to 31*" axrun --models shapes:priority=99 "$scene"
must_fail 2 "*'fast'*priority=N, threshold=N or timeout=MS*" axrun --models shapes:fast,digits "$scene"
must_fail 2 "*no input*" axrun --models shapes,digits
must_fail 1 "*take turns; with a device each none does*" axrun --models shapes:priority=3,digits "$scene" --devices sim:metis,cpu
run axrun --models shapes,digits $scenes "$digit" --csv --devices sim:metis,cpu
expect_rc 0
sed -n 's,shapes/int8,int8,p' stdout.txt | cmp -s - shapes.csv || fail "shapes on a device of its own finds something else"
for how in "--tensors in.npz" "--eval labels.json" --compare --callback "--batch 2" "--instances 2"; do
    must_fail 2 "*does not go with --models: *" axrun --models shapes,digits "$scene" $how
done

# A video whose picture moves: objects keep their numbers.
cp -r build/shapes followed
python3 - followed/shapes/1/model.json <<'P'
import json, sys
d = json.load(open(sys.argv[1]))
d["postprocessing"].append({"type": "tracker", "kind": "bytetrack", "min_hits": 2})
json.dump(d, open(sys.argv[1], "w"))
P
make_frames moving.mp4 12 "$scene" || exit 1
run axrun followed/shapes/1 moving.mp4 --json
expect_rc 0
cp stdout.txt followed.json
python3 - followed.json <<'P' || fail "numbers do not follow the objects"
import json, sys
kinds, seen = {}, {}
results = json.load(open(sys.argv[1]))["results"]
assert len(results) == 12
for r in results:
    tracks = [o["track"] for o in r["int8"]["objects"]]
    assert len(set(tracks)) == len(tracks), r
    for o in r["int8"]["objects"]:
        assert kinds.setdefault(o["track"], o["index"]) == o["index"], r
        seen[o["track"]] = seen.get(o["track"], 0) + 1
assert sum(n >= 8 for n in seen.values()) >= 2, seen
P
run axrun followed/shapes/1 moving.mp4 --json --synchronous
cmp -s stdout.txt followed.json || fail "synchronous numbers differ"
finish
