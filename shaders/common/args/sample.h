// Arguments of the kernels of sampling.
#ifndef MM_ARGS_SAMPLE_H
#define MM_ARGS_SAMPLE_H

#endif
