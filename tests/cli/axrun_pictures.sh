# axrun on pictures.
. "$(dirname "$0")/common.sh"
compile_digits
pictures=$source/models/digits/images
run axrun digits "$pictures/7_005.png"
expect_rc 0
expect_quiet
expect_out "Top 3 predictions:
1. 7 (0.9[0-9][0-9][0-9])
2. [0-9] (0.0[0-9][0-9][0-9])
3. [0-9] (0.0[0-9][0-9][0-9])"
answer=$out

# The model by folder, by descriptor, by file; options in both spellings.
for model in build/digits/digits/1 build/digits/digits/1/model.json build/digits/digits/1/model.axmodel; do
    run axrun $model "$pictures/7_005.png" --cores 1
    expect_rc 0
    expect_out "$answer"
done
for k in --top_k=1 --top-k=1 "--top_k 1" -k1; do
    run axrun digits "$pictures/7_005.png" $k
    expect_out "Top prediction:
1. 7 (0.9*)"
done

# A folder: every picture below its name; all answers as JSON; most digits are right.
run axrun digits "$pictures"
expect_rc 0
expect_out "$pictures/0_004.png
Top 3 predictions:
1. 0 (*"
run axrun digits "$pictures" --json --top_k 1 --batch 1
expect_rc 0
right=$(grep -A6 '"input"' stdout.txt | awk -F'"' '/"input"/ {n = split($4, p, "/"); want = substr(p[n], 1, 1)}
    /"label"/ {match($0, /"label": "[0-9]"/); if (substr($0, RSTART + 10, 1) == want) right++} END {print right + 0}')
count=$(ls "$pictures" | grep -c png)
[ "$right" -ge $((count * 9 / 10)) ] || fail "$right of $count digits are right"
cp stdout.txt one.json
run axrun digits "$pictures" --json --top_k 1 --batch 1 --cores 1
cmp -s stdout.txt one.json || fail "another number of cores, another answer"

# Labels of one's own.
printf 'zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\r\neight\nnine\n' >labels.txt
run axrun digits "$pictures/7_005.png" --labels labels.txt --top_k 1
expect_out "*1. seven (*"
: >empty.txt
must_fail 1 "*empty.txt*no labels*" axrun digits "$pictures/7_005.png" --labels empty.txt
must_fail 1 "*no.txt*" axrun digits "$pictures/7_005.png" --labels no.txt

# Broken pictures: named, the others go on, exit code 1.
mkdir mixed
cp "$pictures/7_005.png" mixed/a.png
head -c 100 "$pictures/7_005.png" >mixed/b.png
echo "no picture" >mixed/c.jpg
cp "$pictures/0_004.png" mixed/d.png
: >mixed/e.png
must_fail 1 "*mixed/b.png*mixed/c.jpg*mixed/e.png*" axrun digits mixed
expect_out "*mixed/a.png*1. 7 (*mixed/d.png*1. 0 (*"
must_fail 1 "*nowhere.png*" axrun digits nowhere.png mixed/a.png
expect_out "*1. 7 (*"
run axrun digits mixed --json
expect_rc 1
expect_out '*"error": "*b.png*'
mkdir none
must_fail 1 "*none*no picture*" axrun digits none

# Wrong models.
must_fail 1 "*no model 'digit'*did you mean digits?*" axrun digit mixed/a.png
must_fail 1 "*none*neither model.json, model.axmodel nor partition.json*" axrun none mixed/a.png
must_fail 1 "*no/such/model*" axrun no/such/model mixed/a.png
head -c 3000 build/digits/digits/1/model.axmodel >short.axmodel
must_fail 1 "*short.axmodel*" axrun short.axmodel mixed/a.png
mkdir alone && cp build/digits/digits/1/model.axmodel alone
must_fail 1 "*model.json*" axrun alone mixed/a.png
cp -r build/digits/digits/1 edited
sed -i 's/"width": 32/"width": 31/' edited/model.json
must_fail 1 "*31x32*1x3x32x32*" axrun edited mixed/a.png
sed -i 's/"width": 31/"wide": 31/' edited/model.json
must_fail 1 "*edited/model.json*\$.preprocessing[[]0[]]*wide*" axrun edited mixed/a.png

# Wrong calls.
must_fail 2 "*no input*" axrun digits
must_fail 2 "*--out*--tensors*" axrun digits mixed/a.png --out x.npz
must_fail 2 "*--compare*" axrun digits mixed/a.png --compare --pipe float
must_fail 1 "*999 asked for*" axrun digits mixed/a.png --cores 999

# Only the .onnx is there: compiled on the first run, found on the second.
mkdir -p first/models && cp -r "$source/models/digits" first/models
cp "$pictures/7_005.png" first/seven.png
cd first || exit 1
run axrun digits seven.png --top_k 1
expect_rc 0
expect_out "*1. 7 (0.9*"
expect_err "Compiled *"
[ -f build/digits/digits/1/model.axmodel ] || fail "build/digits/digits/1 is not there"
for model in digits models/digits/digits.onnx models/digits/digits.json; do
    run axrun $model seven.png --top_k 1
    expect_rc 0
    expect_out "*1. 7 (0.9*"
    expect_quiet
done
rm -r build models/digits/calib
must_fail 1 "*models/digits/digits.onnx*--calib*" axrun digits seven.png
run axrun digits seven.png --top_k 1 --calib "$source/models/digits/calib"
expect_rc 0
expect_err "Compiled *"
rm -r build
run axrun digits seven.png --json --pipe float
expect_rc 0
expect_out '*"float": {*"label": "7"*'
cd ..

# A float model says what it is.
axcompile "$source/models/digits/digits.onnx" --precision float32 -o floating >compile.txt 2>&1
run axrun floating "$pictures/7_005.png" --csv
expect_out "*,float,7,7,*"
must_fail 1 "*nothing to compare*" axrun floating "$pictures/7_005.png" --compare

# The float model beside int8.
run axrun digits "$pictures/7_005.png" --pipe float
expect_rc 0
expect_out "Top 3 predictions:
1. 7 (0.9*"
run axrun digits "$pictures/7_005.png" --compare
expect_rc 0
expect_out "*int8*float*1. 7 *0.9* 7 *0.9*output 'logits': SQNR [2-6]*dB"
run axrun digits "$pictures/7_005.png" --compare --json
expect_rc 0
expect_out '*"int8": {*"float": {*"sqnr_db": {*"logits": [2-6]*'
sed -i '/"source"/d' build/digits/digits/1/model.json
must_fail 1 "*source*" axrun digits "$pictures/7_005.png" --pipe float
finish
