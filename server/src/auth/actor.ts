/** Who is asking. `actor` is the row that API keys belong to; `id` the user, application or device. */
export type Actor = User | ApplicationKey | Device | Guest

export interface Guest {
  kind: 'guest'
}
export interface User {
  kind: 'user'
  id: number
  actor: number
  username: string
  email: string
  /** Epoch ms at which the password was last given; undefined with an API key, which can do no "sudo" things. */
  authTime: number | undefined
}
/** A provisioning key: may register devices of its application. */
export interface ApplicationKey {
  kind: 'application'
  id: number
  actor: number
  slug: string
}
export interface Device {
  kind: 'device'
  id: number
  actor: number
  uuid: string
  application: number | null
}

export const guest: Guest = { kind: 'guest' }
