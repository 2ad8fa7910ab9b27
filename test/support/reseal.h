// Right checksums for files whose content was changed, so that what is behind the checksums is reached.
#pragma once

#include <string>

namespace sagedb::test {

// A segment or a manifest.
void reseal_segment(std::string* file);
// A log: its header, and its frames as long as their sizes lead from one to the next.
void reseal_log(std::string* file);

}  // namespace sagedb::test
