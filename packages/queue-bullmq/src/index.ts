export { defaultQueueName, RedisError } from "./connection.js";
export { type RedisQueueOptions, redisQueue } from "./redis-queue.js";
export { type RedisWorkerOptions, redisWorker } from "./redis-worker.js";
