# What make install leaves can be built against, by pkg-config and by CMake.
. "$(dirname "$0")/common.sh"
cmake --install "$build" --prefix "$dir/usr" >install.txt 2>&1 || { tail -5 install.txt; exit 1; }
grep -q "fsanitize=[a-z]" "$build/build.ninja" 2>/dev/null && { echo "skipped: a sanitizer build is not for others"; exit 77; }
compile_digits

cat >use.c <<'C'
#include <axon/axon.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    struct ax_error err;
    struct ax_context *context;
    struct ax_model *model;
    if (argc < 2 || ax_context_new(&context, &err) || ax_model_load(context, argv[1], &model, &err)) return 1;
    printf("%s\n", ax_model_input(model, 0)->name);
    ax_model_free(model);
    ax_context_free(context);
    return 0;
}
C
lib=$(dirname "$(find usr -name libaxon.a)")
[ -f usr/share/man/man1/axrun.1 ] || fail "no man page of axrun"
export PKG_CONFIG_PATH=$dir/$lib/pkgconfig
# The prefix of --prefix is not the one that axon.pc was made for.
run sh -c "cc -std=c99 -Wall -Wextra -Werror use.c \$(pkg-config --define-variable=prefix=$dir/usr --static --cflags --libs axon) -o use"
expect_rc 0
run ./use build/digits/digits/1/model.axmodel
expect_out image

mkdir project
cp use.c project
cat >project/CMakeLists.txt <<'C'
cmake_minimum_required(VERSION 3.25)
project(use C)
find_package(Axon 0.1 REQUIRED)
add_executable(use use.c)
target_link_libraries(use PRIVATE Axon::axon)
C
run sh -c "cmake -S project -B out -DCMAKE_PREFIX_PATH=$dir/usr && cmake --build out"
expect_rc 0
run out/use build/digits/digits/1/model.axmodel
expect_out image

# With pictures: libaxmedia, on an example as it is installed nowhere but reads like a user's program.
run sh -c "cc -std=gnu99 -Wall -Wextra -Werror $source/runtime/examples/classify.c \$(pkg-config --define-variable=prefix=$dir/usr --cflags --libs axmedia) -o classify"
expect_rc 0
picture=$(ls "$source"/models/digits/images/*/*.jpg "$source"/models/digits/images/*.* 2>/dev/null | head -1)
run ./classify build/digits/digits/1 "$picture"
expect_rc 0
expect_out "*1. *"
cp "$source/runtime/examples/classify.c" project/use.c
sed -i 's/REQUIRED)/REQUIRED COMPONENTS media)/; s/Axon::axon/Axon::media/' project/CMakeLists.txt
run sh -c "cmake -S project -B out -DCMAKE_PREFIX_PATH=$dir/usr && cmake --build out"
expect_rc 0
run out/use build/digits/digits/1 "$picture"
expect_out "*1. *"
finish
