import {fill} from '@shared/i18n/say.ts'

/** A text with its values; one that lacks a value keeps its braces, so that tests see it. */
export const put = (text: string, values: Record<string, string> = {}): string => fill(text, values) ?? text
