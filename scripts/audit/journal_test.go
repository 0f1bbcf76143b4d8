package audit

import "testing"

func TestJournalCheck(t *testing.T) {
	if err := (Journal{Epoch: 1, Seq: 7, Applied: 7, Distinct: 7, First: 1, Last: 7}).Check(); err != nil {
		t.Error(err)
	}
	if err := (Journal{Epoch: 1}).Check(); err != nil {
		t.Error("a journal in which nothing has happened:", err)
	}
	for name, j := range map[string]Journal{
		"one is missing":   {Epoch: 1, Seq: 7, Applied: 6, Distinct: 6, First: 1, Last: 7},
		"one is twice":     {Epoch: 1, Seq: 7, Applied: 7, Distinct: 6, First: 1, Last: 7},
		"the first":        {Epoch: 1, Seq: 7, Applied: 7, Distinct: 7, First: 2, Last: 8},
		"one ahead of it":  {Epoch: 1, Seq: 7, Applied: 8, Distinct: 8, First: 1, Last: 8},
		"nothing recorded": {Epoch: 1, Seq: 7},
	} {
		if j.Check() == nil {
			t.Error(name, "is not noticed")
		}
	}
}
