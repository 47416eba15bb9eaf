/* What one pipe found in a picture. */
#ifndef AX_APP_ANSWER_H
#define AX_APP_ANSWER_H

#include "media/postprocess.h"

struct ax_answer {
    const char *branch; /* of a joined model: which; NULL: not joined */
    const char *pipe;   /* "int8", "float" */
    bool described;     /* postprocessing steps say what the outputs mean */
    struct ax_prediction result;
    struct ax_post_tensor *tensors; /* as the model gave them; results that no step describes are shown so */
    int n_tensors;
    struct ax_image drawn; /* the picture with the result in it, where that was asked for */
};

#endif
