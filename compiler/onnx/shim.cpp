#include "onnx/shim.h"

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>
#include <onnx/version_converter/convert.h>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>

namespace
{

/* protobuf writes what it refuses to stderr; the caller gets a message instead. */
google::protobuf::LogSilencer *silence()
{
    static google::protobuf::LogSilencer silencer;
    return &silencer;
}

bool parse(onnx::ModelProto *m, const uint8_t *model, size_t bytes)
{
    silence();
    if (bytes > INT_MAX) return false;
    google::protobuf::io::CodedInputStream in(model, (int)bytes);
    in.SetRecursionLimit(200);
    return m->ParseFromCodedStream(&in) && in.ConsumedEntireMessage();
}

template <typename Work>
int guarded(char *message, size_t message_bytes, Work work)
{
    try {
        return work();
    } catch (const std::exception &e) {
        std::snprintf(message, message_bytes, "%s", e.what());
    } catch (...) {
        std::snprintf(message, message_bytes, "libonnx failed without a message");
    }
    return 1;
}

} // namespace

int ax_onnx_check(const uint8_t *model, size_t bytes, char *message, size_t message_bytes)
{
    return guarded(message, message_bytes, [&] {
        onnx::ModelProto m;
        if (!parse(&m, model, bytes)) {
            std::snprintf(message, message_bytes, "protobuf cannot parse it");
            return 1;
        }
        onnx::checker::check_model(m);
        return 0;
    });
}

int ax_onnx_lift(const uint8_t *model, size_t bytes, int opset, uint8_t **out, size_t *out_bytes, char *message,
                 size_t message_bytes)
{
    *out = nullptr;
    return guarded(message, message_bytes, [&] {
        onnx::ModelProto m;
        if (!parse(&m, model, bytes)) {
            std::snprintf(message, message_bytes, "protobuf cannot parse it");
            return 1;
        }
        try {
            onnx::shape_inference::InferShapes(m); /* some adapters read shapes; the others do without */
        } catch (const std::exception &) {
        }
        onnx::ModelProto lifted = onnx::version_conversion::ConvertVersion(m, opset);
        std::string s = lifted.SerializeAsString();
        *out = static_cast<uint8_t *>(std::malloc(s.size() + 1));
        if (!*out) return 1;
        s.copy(reinterpret_cast<char *>(*out), s.size());
        *out_bytes = s.size();
        return 0;
    });
}
