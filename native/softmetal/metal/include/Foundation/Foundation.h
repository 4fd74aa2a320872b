// GNUstep's Foundation, and what Apple's brings with it.
#pragma once
#include_next <Foundation/Foundation.h>
#include <Block.h>
#include <TargetConditionals.h>
#include <stdbool.h>

typedef double CFTimeInterval;
