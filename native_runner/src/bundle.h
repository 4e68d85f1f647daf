// What a run looks up in a bundle's manifest.
#pragma once

#include <string>
#include <vector>

namespace pocketmatte {

struct File {
  std::string path;  // inside the bundle
  std::string program, sha256;
  std::string dtype;  // of its inputs and outputs, as the manifest has it
  std::size_t size_bytes;
};

struct Wanted {
  std::string network, tier, orientation, recipe, format;
};

struct Found {
  std::string weights_digest;
  std::vector<File> files;  // one a program, in the order of `programs`
};

// Finds one file a program and checks its size and hash.
// Throws WrongUse where the manifest has none, LoadFailed where a file is not what it says.
Found find_files(const std::string& bundle, const Wanted& wanted,
                 const std::vector<std::string>& programs);

}  // namespace pocketmatte
