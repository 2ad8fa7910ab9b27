export type { AsyncVectorDatabase } from './database.js';
export type { LatencySummary } from './latency.js';
export type { PendingCallInfo } from './pending-call.js';
export type { PoolWorkerOptions } from './pool-thread.js';
export {
  type ExistingDatabaseOptions,
  SageDBService,
  type SageDBServiceOptions,
} from './sage-db-service.js';
export {
  SageDBServicePool,
  type SageDBServicePoolOptions,
  type TaskContext,
  type TaskName,
} from './sage-db-service-pool.js';
export {
  type CallContext,
  type CallOptions,
  type CallService,
  type ContextAwareService,
  callInContext,
  type LifecycleMethod,
  type ManagedService,
  type MethodArguments,
  type MethodResult,
  type RegisteredServices,
  type ServiceFactory,
  type ServiceFactoryContext,
  type ServiceMethod,
} from './service.js';
export { ServiceError, type ServiceErrorCode, type ServiceErrorDetails } from './service-error.js';
export type { ServiceHealth, ServiceMetrics, ServiceState } from './service-host.js';
export {
  ServiceManager,
  type ServiceManagerHealth,
  type ServiceManagerMetrics,
  type ServiceManagerOptions,
  type ShutdownOptions,
} from './service-manager.js';
export type {
  MethodStats,
  ServiceHit,
  ServiceItem,
  ServiceSearchOptions,
  VectorService,
  VectorServiceStats,
} from './vector-service.js';
