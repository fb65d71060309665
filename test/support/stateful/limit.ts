const LIMIT_MS = 20_000

/** Waits for something that comes far sooner than in 20 seconds; else fails, and says what did not. */
export function within<Value>(promise: Promise<Value>, what: () => string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what()} within ${LIMIT_MS} ms`)), LIMIT_MS)
  })
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer))
}
