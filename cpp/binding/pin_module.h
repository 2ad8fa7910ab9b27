// Keeps the addon's code in memory until the process ends: a Worker's exit unloads its addons while engine threads may still run in
// them. On Linux the linker flag `-z nodelete` does this.
#pragma once

namespace sagedb {

void pin_module() noexcept;

}  // namespace sagedb
