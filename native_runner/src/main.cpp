#include <cstdio>
#include <cstring>
#include <exception>

#include "failure.h"
#include "options.h"
#include "serve.h"
#include "session_run.h"

int main(int count, char** words) {
  using namespace pocketmatte;
  if (count < 2 || std::strcmp(words[1], "--help") == 0 || std::strcmp(words[1], "-h") == 0) {
    std::fputs(kUsage, stdout);
    return count < 2 ? 2 : 0;
  }
  try {
    const Options options = parse(count, words);
    if (options.command == "serve") return serve(options);
    return options.memory ? run_memory(options) : run(options);
  } catch (const WrongUse& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 2;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "the runner failed: %s\n", failure.what());
    return 1;
  }
}
