// A program that is to be kept warm.
#pragma once

#include "warm/options.h"
#include "warm/recipe.h"

namespace cgisrv::warm {

// What the configuration says of such a program.
struct WarmConfig {
  WarmProgram program;
  Options options;
};

}  // namespace cgisrv::warm
