// A failure in words, with what it knows itself: how long to wait.
import {waiting, type Language} from '../format/format.ts'
import {say, type Said} from '../i18n/say.ts'
import type {Failure} from './api.ts'

export const said = (f: Failure, language: Language, values: Record<string, string> = {}): Said =>
  say(f.code, language, {...(f.wait !== undefined && {wait: waiting(f.wait, language)}), ...values})
