# axrun on videos and streams: nothing is lost or overtakes, all ways of running agree.
. "$(dirname "$0")/common.sh"
axcompile "$source/models/shapes/shapes.onnx" --calib "$source/models/shapes/calib" >compile.txt 2>&1 || { cat compile.txt; exit 1; }
scenes=$(ls "$source"/models/shapes/images/*.png)
make_frames street.mp4 300 $scenes || exit 1

# numbers FILE: the frame numbers in the order of the JSON document.
numbers() { sed -n 's/^ *"frame": \([0-9]*\),$/\1/p' "$1"; }
seq 0 299 >wanted.txt

# 300 frames, in order, the same in every way of running.
run axrun shapes street.mp4 --synchronous --json
expect_rc 0
expect_err "300 frames in * s: * frames/s (synchronous)"
cp stdout.txt one.json
numbers one.json | cmp -s - wanted.txt || fail "not the frames 0 to 299"
[ "$(grep -c '"label": ' one.json)" -gt 600 ] || fail "few objects"
echo "$err"
for how in "" "--callback" "--depth 1" "--depth 40" "--batch 2" "--batch 2 --callback" "--instances 2" "--cores 1" \
    "--instances 2 --callback" "--batch 2 --synchronous" "--timeout 60000 --on_error stop"; do
    run axrun shapes street.mp4 --json $how
    case $err in *"free; "*asked*) continue ;; esac # a machine with one core
    expect_rc 0
    expect_err "*300 frames in *"
    cmp -s stdout.txt one.json || fail "'$how' gives something else"
    echo "$how: $err"
done

# Segments, whose pipeline takes frames by itself.
axsegment build/shapes/shapes/1 --num_segments 2 -o build/shapes-2 >segment.txt 2>&1 || { cat segment.txt; exit 1; }
axrun shapes street.mp4 --csv --frames 100 --synchronous >one.csv 2>/dev/null
for how in "" --callback --synchronous "--batch 2" "--depth 2" "--timeout 10 --on_error retry --retries 1000"; do
    run axrun build/shapes-2 street.mp4 --csv --frames 100 $how
    expect_rc 0
    cmp -s stdout.txt one.csv || fail "segments, '$how': something else"
done

# Streams on the standard input: the same frames as y4m and, but for their JPEGs, the same number as MJPEG.
run axrun shapes - --json --frames 7 < <(make_frames rgb24 20 $scenes)
expect_rc 1
size=$(axrun shapes "$(echo $scenes | cut -d' ' -f1)" --json | sed -n 's/^ *"\(width\|height\)": \([0-9]*\),$/\2/p' | paste -sd x)
make_frames rgb24 20 $scenes >raw.rgb
run axrun shapes - --raw $size --json <raw.rgb
expect_rc 0
[ "$(numbers stdout.txt | paste -sd ' ')" = "$(seq 0 19 | paste -sd ' ')" ] || fail "not the frames 0 to 19"
cp stdout.txt raw.json
run axrun shapes - --raw $size --json --callback --batch 2 <raw.rgb
cmp -s stdout.txt raw.json || fail "raw frames by callback give something else"
run axrun shapes - --raw $size --frames 7 --csv <raw.rgb
expect_rc 0
[ "$(tail -n +2 stdout.txt | cut -d, -f2 | uniq | paste -sd ' ')" = "0 1 2 3 4 5 6" ] || fail "not the frames 0 to 6"
for kind in y4m mjpeg; do
    run axrun shapes - --json < <(make_frames $kind 20 $scenes)
    expect_rc 0
    [ "$(numbers stdout.txt | wc -l)" = 20 ] || fail "$kind: not 20 frames"
    [ "$(grep -c '"label": ' stdout.txt)" -gt 40 ] || fail "$kind: few objects"
done
must_fail 2 "*--raw 640: expected WIDTHxHEIGHT*" axrun shapes - --raw 640 <raw.rgb
must_fail 1 "*" axrun shapes - </dev/null

# Interrupted while it waits for a stream: what came is there, and the video is whole.
mkfifo stream
axrun shapes - --raw $size --json --save live <stream >live.json 2>live.err &
waiter=$!
exec 3>stream
make_frames rgb24 6 $scenes >&3
until [ "$(numbers live.json | wc -l)" = 6 ] || ! kill -0 $waiter 2>/dev/null; do sleep 0.05; done
kill -INT $waiter
command="axrun - interrupted" out=$(cat live.json)
wait $waiter && rc=0 || rc=$?
err=$(cat live.err)
exec 3>&-
expect_rc 0
[ "$(numbers live.json | wc -l)" = 6 ] || fail "6 frames expected"
[ -s live/stdin.mp4 ] || fail "no live/stdin.mp4"

# Cameras: what FFmpeg's test source gives takes the way of a camera; more of them, and after one another.
run axrun shapes camera:lavfi:testsrc2=size=160x120:rate=25 --frames 12 --json --save live
case $err in
*"this build reads no 'lavfi'"*) echo "no libavdevice: cameras are not tried" ;;
*)
    expect_rc 0
    [ "$(numbers stdout.txt | paste -sd ' ')" = "0 1 2 3 4 5 6 7 8 9 10 11" ] || fail "not the frames 0 to 11"
    expect_out '*"input": "camera:lavfi:testsrc2=size=160x120:rate=25"*"width": 160*"height": 120*'
    [ -s live/camera.mp4 ] || fail "no live/camera.mp4"
    cp stdout.txt camera.json
    for how in --callback --synchronous "--depth 1"; do
        run axrun shapes camera:lavfi:testsrc2=size=160x120:rate=25 --frames 12 --json $how
        cmp -s stdout.txt camera.json || fail "a camera, '$how': something else"
    done
    printf 'camera:lavfi:testsrc=d=0.2:r=10\ncamera:lavfi:color=red:s=64x64:d=0.3:r=10\n' >cameras.txt
    run axrun shapes @cameras.txt --json
    expect_rc 0
    [ "$(numbers stdout.txt | paste -sd ' ')" = "0 1 0 1 2" ] || fail "not two frames and three"
    # It never ends by itself: what came until it is interrupted is there.
    axrun shapes camera:lavfi:testsrc2=size=64x64:rate=25 --json >live.json 2>live.err &
    waiter=$!
    until [ "$(numbers live.json | wc -l)" -ge 5 ] || ! kill -0 $waiter 2>/dev/null; do sleep 0.05; done
    kill -INT $waiter
    command="axrun camera interrupted" out=$(tail -c 300 live.json)
    wait $waiter && rc=0 || rc=$?
    expect_rc 0
    tail -n 1 live.json | grep -q '^}' || fail "the document is cut"
    must_fail 1 "*nosuchsource*" axrun shapes camera:lavfi:nosuchsource
    must_fail 1 "*this build reads no 'tv'*its devices are *lavfi*" axrun shapes camera:tv:0
    must_fail 1 "*this build reads no 'mp4'*" axrun shapes camera:mp4:street.mp4
    must_fail 1 "*/dev/video77*" axrun shapes camera:77
    ;;
esac

# Cut streams and files: the frames that are there, then what is wrong; other inputs go on.
head -c $(($(stat -c %s raw.rgb) - 1000)) raw.rgb >cut.rgb
run axrun shapes - --raw $size --json <cut.rgb
expect_rc 1
[ "$(numbers stdout.txt | wc -l)" = 20 ] || fail "19 frames and an error expected"
expect_err "*frame 19*damaged or cut*"
make_frames y4m 20 $scenes | head -c 900000 >cut.y4m
run axrun shapes cut.y4m --json
expect_rc 1
expect_err "*cut.y4m*middle of frame 18*truncated*"
head -c 20000 street.mp4 >cut.mp4
run axrun shapes cut.mp4 "$(echo $scenes | cut -d' ' -f1)"
expect_rc 1
expect_err "*cut.mp4*no video that can be opened*"
expect_out "*objects:*"
must_fail 1 "*nowhere.mp4*" axrun shapes nowhere.mp4

# A list; pictures among videos.
printf '# two\nstreet.mp4\n\n%s\n' "$(echo $scenes | cut -d' ' -f1)" >list.txt
run axrun shapes @list.txt --csv --frames 301
expect_rc 0
[ "$(grep -c '^street.mp4,299,' stdout.txt)" -gt 0 ] || fail "no frame 299"
[ "$(grep -c 'png,,int8' stdout.txt)" -gt 1 ] || fail "no objects of the picture"

# Annotated videos and pictures, in each way; the video has all frames.
for how in "" --synchronous --callback; do
    rm -rf saved
    run axrun shapes street.mp4 raw_picture.png $how --frames 40 --save saved
    expect_err "*raw_picture.png*"
    [ -s saved/street.mp4 ] || fail "no saved/street.mp4"
    run axrun shapes saved/street.mp4 --json
    [ "$(numbers stdout.txt | wc -l)" = 40 ] || fail "saved/street.mp4 has not 40 frames"
done
run axrun shapes street.mp4 --frames 5 --compare --save both --json
expect_rc 0
expect_out '*"int8": {*"float": {*"sqnr_db": {*'
[ -s both/street-int8.mp4 ] && [ -s both/street-float.mp4 ] || fail "no video of each pipe"

# Timeouts: counted, said with frame, cause and what to do; the frames that came in time are all there.
run axrun shapes street.mp4 --json --timeout 1 --frames 60
skipped=$(grep -c '"error": ".*timed out' stdout.txt)
[ "$(numbers stdout.txt | wc -l)" = 60 ] || fail "60 results expected"
[ "$skipped" = 0 ] && expect_rc 0
[ "$skipped" = 0 ] || { expect_rc 1; expect_err "*frame * of street.mp4: the inference timed out*--timeout*$skipped frame*skipped*"; }
run axrun shapes street.mp4 --json --timeout 10 --on_error retry --retries 1000 --frames 60
expect_rc 0
[ "$(grep -c '"int8"' stdout.txt)" = 60 ] || fail "60 answers expected"
run axrun shapes street.mp4 --json --timeout 1 --on_error stop --synchronous --frames 60
[ "$rc" = 0 ] || expect_err "*timed out*"

# A window, where there is one to be had without a screen.
export SDL_VIDEODRIVER=dummy
run axrun shapes street.mp4 --display --frames 30 --csv
case $err in *"no display"*) ;; *) expect_rc 0 ;; esac
must_fail 2 "*--display*--callback*" axrun shapes street.mp4 --display --callback
must_fail 2 "*--synchronous and --callback*" axrun shapes street.mp4 --synchronous --callback
finish
