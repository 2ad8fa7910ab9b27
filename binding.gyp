{
  # CMake builds the addon; gyp only runs it, so that `node-gyp rebuild`, prebuildify and electron-rebuild work too.
  "targets": [
    {
      "target_name": "sagedb",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["scripts/build-addon.mjs"],
          "outputs": ["<(PRODUCT_DIR)/sagedb.node"],
          "action": ["node", "scripts/build-addon.mjs", "--dest", "<(PRODUCT_DIR)"]
        }
      ]
    }
  ]
}
