export { databaseMetrics, type MetricLabels, serviceMetrics } from './prometheus.js';
