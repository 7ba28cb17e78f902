// fairlead: what a node's datapath holds and does, and labs to try it in.
#include <exception>
#include <iostream>

#include "cli/commands/app.h"

int main(int argc, char** argv) try {
  return fairlead::cli::Main(argc, argv);
} catch (const std::exception& error) {
  std::cerr << "fairlead: " << error.what() << "\n";
  return 1;
}
