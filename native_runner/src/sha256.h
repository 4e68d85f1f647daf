// SHA-256, from FIPS 180-4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pocketmatte {

class Sha256 {
 public:
  Sha256();
  void update(const void* data, std::size_t size);
  // The digest in hexadecimal; nothing may follow.
  std::string hex();

 private:
  void block(const std::uint8_t* bytes);

  std::array<std::uint32_t, 8> state_;
  std::array<std::uint8_t, 64> pending_{};
  std::size_t pending_size_ = 0;
  std::uint64_t total_size_ = 0;
};

// Of a file's content. Throws LoadFailed.
std::string sha256_of_file(const std::string& path);

}  // namespace pocketmatte
