// fairlead: what a node's datapath holds and does, and labs to try it in.
#include <iostream>

#include "cli/commands/app.h"

int main(int argc, char** argv) {
  return fairlead::cli::Main(argc, argv);
}
