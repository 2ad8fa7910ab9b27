// Preloaded by worker threads of the tests: lets them run the TypeScript sources, as the tests themselves do.
import { register } from 'tsx/esm/api';

register();
