#include <cstdio>
#include <cstring>
#include <exception>

#include "failure.h"
#include "options.h"
#include "serve.h"
#include "session_run.h"

int main(int count, char** words) {
  using namespace pocketmatte;
  bool help = count < 2;
  for (int i = 1; i < count; ++i)
    help = help || std::strcmp(words[i], "--help") == 0 || std::strcmp(words[i], "-h") == 0;
  if (help) {
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
    return 2;
  }
}
