# axrun --devices: frames shared over devices, segments and stages on one each; what is wrong, and who holds a device.
. "$(dirname "$0")/common.sh"
axcompile "$source/models/shapes/shapes.onnx" --calib "$source/models/shapes/calib" >compile.txt 2>&1 || { cat compile.txt; exit 1; }
axsegment build/shapes/shapes/1 --num_segments 2 -o build/shapes-2 >segment.txt 2>&1 || { cat segment.txt; exit 1; }
make_frames street.mp4 60 "$source"/models/shapes/images/*.png || exit 1
first=$(axrun --list_devices | sed -n 's/^\(cpu:[0-9]*\) .*/\1/p' | head -1)
second=$(axrun --list_devices | sed -n 's/^\(cpu:[0-9]*\) .*/\1/p' | sed -n 2p)
axrun shapes street.mp4 --csv --synchronous >one.csv 2>/dev/null

run axrun --list_devices
expect_rc 0
expect_out "cpu * free *$first *free*sim:edgetpu-usb *8 cores*simulated*sim:metis *4 cores*"
run axrun --list_devices --json
expect_out '{*"devices": [[]*"name": "cpu", "cores": *"name": "sim:metis", "cores": 4, "state": "simulated"*'

# A model: the same answers in the same order, whatever the devices; each has its line.
for devices in $first all cpu "sim:metis,$first" "sim:metis,sim:metis" ${second:+"$first,$second"}; do
    for how in "" --callback "--depth 1"; do
        run axrun shapes street.mp4 --csv --devices "$devices" --profile $how
        expect_rc 0
        cmp -s stdout.txt one.csv || fail "$devices, '$how': something else"
    done
done
run axrun shapes street.mp4 --devices "sim:metis,sim:metis,$first" --profile --json
expect_rc 0
expect_out '*"devices": [[]*"name": "sim:metis", "instances": 4, "busy_percent": *"name": "sim:metis 2", *"name": "'$first'", "instances": 1*'
run axrun shapes street.mp4 --devices "sim:metis,$first" --csv --profile
expect_err "*DEVICES*sim:metis *4 instances busy for * % of the time*$first *1 instance busy*"
run axrun shapes street.mp4 --csv --device "$first"
cmp -s stdout.txt one.csv || fail "--device $first gives something else"

# Segments: one each.
for devices in "$first,sim:metis" "sim:edgetpu-usb,sim:edgetpu-usb" "$first" ${second:+"$first,$second"}; do
    for how in "" --callback --synchronous; do
        case $devices,$how in *,*,--synchronous) continue ;; esac
        run axrun build/shapes-2 street.mp4 --csv --devices "$devices" $how
        expect_rc 0
        cmp -s stdout.txt one.csv || fail "segments on $devices, '$how': something else"
    done
done
run axrun build/shapes-2 street.mp4 --devices "$first,sim:metis" --csv --profile
expect_err "*DEVICES*$first * 60 *sim:metis * 60 *"
must_fail 1 "*2 segments on 3 devices*Name 2 devices*--num_segments 3*" axrun build/shapes-2 street.mp4 \
    --devices "$first,sim:metis,sim:hailo8-like"

# What is wrong, and what to give instead.
must_fail 1 "*there is no device 'tpu'*axrun --list_devices*" axrun shapes street.mp4 --devices tpu
must_fail 1 "*there is no device 'none'*" axrun shapes street.mp4 --devices sim:none
must_fail 1 "*'cpu:9999': there is no core 9999 that this process may use; it has *" axrun shapes street.mp4 --devices cpu:9999
for name in cpu: cpu:x cpu:1- cpu:2-1 cpu:0,,sim:metis "cpu:0;1" ""; do
    must_fail 1 "*expected*" axrun shapes street.mp4 --devices "$name"
done
must_fail 1 "*'cpu' and '$first' both have core*" axrun shapes street.mp4 --devices "cpu,$first"
must_fail 1 "*'$first' and '$first' both have core*" axrun shapes street.mp4 --devices "$first,$first"
must_fail 2 "*--devices*--cores has no place*" axrun shapes street.mp4 --devices cpu --cores 1
must_fail 2 "*--devices*--device has no place*" axrun shapes street.mp4 --devices cpu --device sim:metis
for how in --synchronous --compare; do
    must_fail 1 "*2 devices take frames at the same time, $how one by one*" axrun shapes street.mp4 --devices "sim:metis,$first" $how
done
must_fail 1 "*device '$first' names 1 core; 2 asked for*" axrun shapes street.mp4 --device "$first" --cores 2
for how in "" --profile "--trace trace.json"; do
    run axrun build/shapes-2 street.mp4 --compare --frames 3 --json $how
    expect_rc 0
done
must_fail 1 "*sim:metis: *needs 8 cores*has 4*" axrun shapes street.mp4 --devices sim:metis,sim:hailo8-like --batch 8

# A device that another process holds.
axbench build/shapes/shapes/1 -n 10000000 --device "$first" >holder.txt 2>&1 &
holder=$!
until grep -q "^$holder\$" leases/core-* 2>/dev/null || ! kill -0 $holder 2>/dev/null; do sleep 0.05; done
run axrun --list_devices
expect_out "*$first *held by process $holder*"
must_fail 1 "*device '$first' has 1 core, of which 0 are free; 1 asked for; process $holder holds some*" \
    axrun shapes street.mp4 --devices "sim:metis,$first" --wait 0
must_fail 1 "*waiting up to 0.2 s*'$first'*process $holder holds*" axrun shapes street.mp4 --devices all --wait 0.2
if [ -n "$second" ]; then
    run axrun shapes street.mp4 --devices "$second" --csv --wait 0
    expect_rc 0
fi
kill -9 $holder
wait $holder 2>/dev/null
run axrun shapes street.mp4 --devices all --csv --wait 0
expect_rc 0
cmp -s stdout.txt one.csv || fail "all devices give something else"
finish
