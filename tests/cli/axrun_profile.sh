# What axrun says about time: the table, the trace, the page; the page also in a browser, where there is one.
. "$(dirname "$0")/common.sh"
axcompile "$source/models/shapes/shapes.onnx" --calib "$source/models/shapes/calib" >compile.txt 2>&1 || { cat compile.txt; exit 1; }
make_frames street.mp4 60 "$source"/models/shapes/images/*.png || exit 1

run axrun shapes street.mp4 --profile --save saved
expect_rc 0
expect_out "*STAGES*Stage *Count *Min(ms) *Max(ms) *Mean(ms) *Var(ms2) *p50(ms) *p95(ms) *p99(ms)*decode *60 *preprocess *60 *submit *60 *\
wait *60 *postprocess *60 *draw *60 *save *60 *report *60 *queue wait *60 *device *60 *frame *60 *LAYERS*Layer *stem *60 *\
Total execution time: * s
Frames processed: 60
Throughput: * frames/s"
run axrun shapes street.mp4 --profile --json --synchronous
expect_rc 0
expect_out '*"profile": {*"frames": 60,*"stages": [[]*"name": "decode", "count": 60, "min_ms"*"name": "inference", "count": 60*"layers": [[]*'
run axrun shapes street.mp4 --profile --csv --callback
expect_rc 0
expect_err "*STAGES*"
[ "$(grep -c STAGES stdout.txt)" = 0 ] || fail "a table among the CSV"

# Frames of a batch share a run; a frame that fails is in the trace as far as it came.
checked=0
for how in "" --synchronous --callback "--batch 2" "--instances 2"; do
    run axrun shapes street.mp4 --csv --trace trace.json --report report.html $how
    case $err in *"free; "*asked*) continue ;; esac # a machine with one core
    expect_rc 0
    command -v python3 >/dev/null || continue
    run python3 "$source/tests/tools/check_trace.py" trace.json 60
    expect_rc 0
    expect_out "* events, * stages, * layers, * runs"
    checked=1
done
# Segments: their layers by segment, each frame in each of them, whoever submits it.
axsegment build/shapes/shapes/1 --num_segments 2 -o build/shapes-2 >segment.txt 2>&1 || { cat segment.txt; exit 1; }
for how in "" --synchronous --callback "--device sim:metis"; do
    run axrun build/shapes-2 street.mp4 --profile --trace trace.json --report segments.html $how
    expect_rc 0
    expect_out "*STAGES*device *120 *LAYERS*[[]shapes_segment_0_of_2]
stem * 60 *[[]shapes_segment_1_of_2]*"
    command -v python3 >/dev/null || continue
    run python3 "$source/tests/tools/check_trace.py" trace.json 60
    expect_rc 0
    expect_out "* events, * stages, * layers, 120 runs"
done
run axrun build/shapes-2 street.mp4 --profile --json
expect_out '*"layers": [[]*"name": "stem",*"stage": "shapes_segment_0_of_2",*"count": 60*"stage": "shapes_segment_1_of_2"*"devices": [[]*'
must_fail 1 "*no/such/folder*" axrun shapes street.mp4 --csv --trace no/such/folder/trace.json
must_fail 2 "*--profile*" axrun shapes --tensors x.npz --out y.npz --profile

# The page: whole by itself.
grep -q "</html>" report.html || fail "the page is cut"
grep -Eq "(src|href)=[\"'](http|//)" report.html && fail "the page wants the network"
grep -q "@DATA@" report.html && fail "the page has no data"

# In a browser: no error, and the charts are there.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -n "$browser" ]; then
    cp report.html page.html
    timeout 120 "$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$dir/browser" --virtual-time-budget=5000 \
        --enable-logging=stderr --dump-dom "file://$dir/page.html" >dom.html 2>browser.txt
    command="$browser page.html" rc=0 out= err=$(grep CONSOLE browser.txt)
    grep -q 'data-ready="yes"' dom.html || fail "the script did not come to its end"
    expect_quiet
    for chart in "stacked times of the stages" "timeline of the stages" "times of decode" "times of queue wait" "time of each layer" memory; do
        grep -q "aria-label=\"$chart" dom.html || fail "no chart '$chart'"
    done
    [ "$(grep -o '<rect' dom.html | wc -l)" -gt 100 ] || fail "few bars"
    run axrun shapes street.mp4 --csv --report several.html --devices sim:metis,sim:hailo8-like
    expect_rc 0
    timeout 120 "$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$dir/browser" --virtual-time-budget=5000 \
        --enable-logging=stderr --dump-dom "file://$dir/several.html" >several.dom 2>browser.txt
    command="$browser several.html" rc=0 out= err=$(grep CONSOLE browser.txt)
    expect_quiet
    grep -q 'aria-label="share of the time that each device ran' several.dom || fail "no chart of the devices"
    grep -q 'data-ready="yes"' several.dom || fail "the script did not come to its end"
    grep -q "NaN\|undefined" <<<"$(sed 's/<script.*//' dom.html | grep -o '<svg.*')" && fail "numbers that are none"
fi
[ $checked = 1 ] && [ -n "$browser" ] || { [ $failures = 0 ] && echo "skipped: python3 or a browser is missing; the rest passed" && exit 77; }
finish
