// Everything a Metal source may include, in dependency order.
#pragma once
#include <softmetal/abi.h>
#include <softmetal/types.h>
#include <softmetal/lane.h>
#include <softmetal/vector.h>
#include <softmetal/packed.h>
#include <softmetal/limits.h>
#include <softmetal/relational.h>
#include <softmetal/math.h>
#include <softmetal/integer.h>
#include <softmetal/geometric.h>
#include <softmetal/matrix.h>
#include <softmetal/pack.h>
#include <softmetal/atomic.h>
#include <softmetal/simdgroup.h>
#include <softmetal/simdgroup_matrix.h>
#include <softmetal/entry.h>
