import postgres from 'postgres'

/** Ends a session or turns one away while it stops, after a crash, and while it starts. */
const saidByServer = ['57P01', '57P02', '57P03']
const saidByClient = ['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT']

/** Whether an error says no more than that the database is not there now: the same may be asked again. */
export function databaseIsAway(error: unknown): boolean {
  if (error instanceof postgres.PostgresError) return saidByServer.includes(error.code)
  if (!(error instanceof Error)) return false
  // The address is the socket's path where nobody listens at it.
  const { code = '', address = '' } = error as Error & { code?: string; address?: string }
  return saidByClient.includes(code) || address.includes('.s.PGSQL.')
}
