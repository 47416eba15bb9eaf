# axrun on tensors, and axbench. Arrays are made with the shell: a .npy is a header and numbers.
. "$(dirname "$0")/common.sh"
compile_digits

# npy FILE N: N samples of 3x32x32 float32, all 0.25.
npy() {
    local header
    header=$(printf "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 3, 32, 32), }" "$2")
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$header" >"$1"
    head -c $(($2 * 3 * 32 * 32)) /dev/zero | sed 's/\x00/\x00\x00\x80\x3e/g' >>"$1"
}

npy one.npy 1
npy three.npy 3
run axrun digits --tensors one.npy --out one.npz
expect_rc 0
expect_quiet
expect_out ""
run axrun digits --tensors three.npy --out three.npz
expect_rc 0
run axrun digits --tensors three.npy --out three_batch.npz --batch 1 --cores 1
cmp -s three.npz three_batch.npz || fail "one core gives other bytes"
if [ "$(nproc)" -ge 2 ]; then
    run axrun digits --tensors three.npy --out three_batch.npz --batch 2
    cmp -s three.npz three_batch.npz || fail "a batch of two gives other bytes"
fi
for isa in scalar avx2; do
    AXON_CPU=$isa run axrun digits --tensors three.npy --out isa.npz
    cmp -s three.npz isa.npz || fail "$isa gives other bytes"
done
unzip -l three.npz >list.txt 2>/dev/null && { grep -q logits.npy list.txt || fail "three.npz lacks logits.npy"; }
grep -aq "'shape': (3, 10)" three.npz || fail "the outputs are not 3x10"
run axrun digits --tensors three.npy --out raw.npz --raw_outputs
expect_rc 0
run axrun digits --tensors three.npy --compare
expect_rc 0
expect_out "output 'logits': SQNR * dB over 3 samples"
run axrun digits --tensors one.npz --compare
expect_rc 1
expect_err "*no array 'image'*it has 'logits'*"

# A lone array that fits is the only input, whatever it is called; NaNs and infinities are not silent.
run axrun digits --tensors one.npy --out named.npz
mv one.npy other.npy
python3 - <<'END' 2>/dev/null && named=1
import zipfile
zipfile.ZipFile("other.npz", "w").write("other.npy")
END
mv other.npy one.npy
if [ "${named:-}" ]; then
    run axrun digits --tensors other.npz --out other_out.npz
    expect_rc 0
    expect_err "other.npz: note: its only array 'other' is taken for the input 'image'"
    cmp -s named.npz other_out.npz || fail "another name gives other bytes"
    run axcompile "$source/models/digits/digits.onnx" --calib other.npz -o by_other
    expect_rc 0
    expect_err "*note: the only calibration array 'other' is taken for the input 'image'*"
fi
run axcompile "$source/models/digits/digits.onnx" --calib one.npy -o by_file
expect_rc 0
[[ $err != *"is taken for"* ]] || fail "a file's name is no array's name"
head -c 128 one.npy >nan.npy
printf '\x00\x00\xc0\x7f\x00\x00\x80\x7f\x00\x00\x80\xff' >>nan.npy
tail -c +141 one.npy >>nan.npy
run axrun digits --tensors nan.npy --out nan.npz
expect_rc 0
expect_err "nan.npy: warning: of the 3072 numbers for the input 'image', 1 are NaN and 2 infinite; int8 takes the least value*"
run axbench digits --tensors nan.npy --count 2
expect_rc 0
expect_err "nan.npy: warning: *"

# What is wrong with files.
must_fail 1 "*nowhere.npz*" axrun digits --tensors nowhere.npz --out x.npz
echo text >text.npz
must_fail 1 "*text.npz*" axrun digits --tensors text.npz --out x.npz
sed 's/(1, 3, 32, 32)/(1, 3, 64, 16)/' one.npy >shape.npy
must_fail 1 "*1x3x64x16*1x3x32x32*" axrun digits --tensors shape.npy --out x.npz
head -c 1000 one.npy >short.npy
must_fail 1 "*short.npy*" axrun digits --tensors short.npy --out x.npz
must_fail 1 "*no/folder/x.npz*" axrun digits --tensors one.npy --out no/folder/x.npz
must_fail 2 "*--out*" axrun digits --tensors one.npy
must_fail 2 "*one.npy*--tensors*" axrun digits one.npy --tensors one.npy --out x.npz
[ -e x.npz ] && fail "x.npz was left behind"
if [ -w /dev/full ]; then
    must_fail 1 "*" axrun digits --tensors one.npy --out /dev/full/x.npz
fi

# axbench
run axbench digits --cores 1 --count 15 --warmup 1 --json
expect_rc 0
expect_quiet
expect_out '{*"cores": 1,*"count": 15,*"latency_ms": {"min": *"median": *"mean": *"p90": *"p95": *"p99": *"max": *"throughput_per_second"*}'
run axbench digits --cores 1 --count 3 --layers
expect_rc 0
expect_out "*latency*median*throughput*load*memory*conv_s8*sum of * steps"
run axbench build/digits/digits/1 --cores 1 --count 3 --tensors three.npy --profile profile.json
expect_rc 0
grep -q '"format": "axon-profile"' profile.json || fail "profile.json was not written"
must_fail 1 "*no/folder*" axbench digits --cores 1 --count 1 --profile no/folder/profile.json
must_fail 1 "*no model*" axbench digit --count 1
must_fail 1 "*holds 1 samples*" axbench digits --batch 2 --cores 2 --count 1 --tensors one.npy
if python3 -c 'import jsonschema' 2>/dev/null; then
    run python3 -c "import json, jsonschema
jsonschema.validate(json.load(open('profile.json')), json.load(open('$source/docs/schema/profile.schema.json')))"
    expect_rc 0
fi
finish
