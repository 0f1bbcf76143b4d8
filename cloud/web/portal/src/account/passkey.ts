// Logging in with a passkey, and what follows from it.
import {prove} from '@shared/app/passkey.ts'
import {entered} from './login.ts'

export {add, deviceName, isStopped, possible} from '@shared/app/passkey.ts'

/** Logs in with a passkey of this device. */
export const enter = async (): Promise<void> => entered(await prove())
