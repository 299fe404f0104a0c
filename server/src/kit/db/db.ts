import postgres from 'postgres'

export type Sql = postgres.Sql
/** What reads and writes alike take: the pool, or an open transaction. */
export type Query = postgres.ISql

/** What events tell: that something changed, never what. Keep the topics few; see ARCHITECTURE.md. */
export type Topic = 'target' | 'credentials' | 'device' | 'watch' | 'build' | 'release'

export interface Tx {
  sql: postgres.TransactionSql
  /** Heard by every copy when the transaction commits. Not for busy paths: a transaction that notifies locks at its commit. */
  changed(topic: Topic, about: Record<string, number | string>): Promise<void>
}

export interface Db extends AsyncDisposable {
  sql: Sql
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * Called on this copy, before the transaction that changed the topic returns: for what must be true at once here. The other
   * copies hear it as an event.
   */
  onCommit(topic: Topic, heard: () => void): void
  /**
   * Runs `work` while holding a lock that all copies share, on a connection of its own. The lock ends with the connection,
   * so a killed process holds nothing. `waiting` is called once when somebody else has it.
   */
  holding<T>(name: string, work: () => Promise<T>, waiting?: () => void): Promise<T>
  connectionUrl: string
}

/** ms. Clients give up after 59 s; what nobody waits for any more must not go on working. */
const longestStatement = 50_000

/** Connects to `url`: `postgres://…`, or `postgres:///<database>?host=<socket folder>&user=<user>` for a unix socket. */
export function connect(url: string, options: { connections?: number } = {}): Db {
  const pool = connectionOptions(url, options.connections ?? 10)
  const sql = postgres({
    ...pool,
    connection: { ...pool.connection, statement_timeout: longestStatement } as never,
  })
  const ears = new Map<Topic, (() => void)[]>()
  const locks = postgres({ ...connectionOptions(url, 20), idle_timeout: 30 })
  return {
    sql,
    connectionUrl: url,
    async transaction<T>(work: (tx: Tx) => Promise<T>) {
      const topics = new Set<Topic>()
      const result = (await sql.begin((inner) =>
        work({
          sql: inner,
          async changed(topic, about) {
            topics.add(topic)
            await inner`select pg_notify('copal', ${JSON.stringify({ topic, ...about })})`
          },
        }),
      )) as T
      for (const topic of topics) for (const heard of ears.get(topic) ?? []) heard()
      return result
    },
    onCommit(topic, heard) {
      ears.set(topic, [...(ears.get(topic) ?? []), heard])
    },
    async holding(name, work, waiting) {
      const connection = await locks.reserve()
      try {
        const [free] = await connection<
          { got: boolean }[]
        >`select pg_try_advisory_lock(hashtextextended(${name}, 0)) as got`
        if (!free!.got) {
          waiting?.()
          await connection`select pg_advisory_lock(hashtextextended(${name}, 0))`
        }
        try {
          return await work()
        } finally {
          await connection`select pg_advisory_unlock(hashtextextended(${name}, 0))`
        }
      } finally {
        connection.release()
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([sql.end({ timeout: 5 }), locks.end({ timeout: 1 })])
    },
  }
}

export function connectionOptions(url: string, max: number): postgres.Options<{}> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url)
  return {
    host: searchParams.get('host') ?? hostname,
    port: Number(port || 5432),
    username: decodeURIComponent(username) || searchParams.get('user') || 'copal',
    password: decodeURIComponent(password),
    database: pathname.slice(1) || 'copal',
    ...(searchParams.get('sslmode') && { ssl: searchParams.get('sslmode') as 'require' }),
    max,
    connection: { application_name: 'copal', client_min_messages: 'warning' } as never,
    onnotice: () => {},
  }
}

/** The unique constraint that a write ran into, or undefined when `error` is something else. */
export function uniqueViolation(error: unknown): { constraint: string; table: string } | undefined {
  if (error instanceof postgres.PostgresError && error.code === '23505')
    return { constraint: error.constraint_name ?? '', table: error.table_name ?? '' }
  return undefined
}
