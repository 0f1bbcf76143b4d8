package payment

// Taker is a provider that takes some methods of payment only. One that is no
// Taker takes any.
type Taker interface {
	Takes(method string) bool
}

// Providers are those that a process has access to.
type Providers []Provider

// Named finds a provider by the name that is stored with its payments.
func (p Providers) Named(name string) (Provider, bool) {
	for _, x := range p {
		if x.Name() == name {
			return x, true
		}
	}
	return nil, false
}

// For is the provider for a method of payment: the first that takes it by its
// name, else the first that takes any.
func (p Providers) For(method string) (Provider, bool) {
	var any Provider
	for _, x := range p {
		t, some := x.(Taker)
		switch {
		case some && t.Takes(method):
			return x, true
		case !some && any == nil:
			any = x
		}
	}
	return any, any != nil
}
