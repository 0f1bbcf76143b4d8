package main

import "github.com/openlot/openlot/scripts/stack"

type offCmd struct {
	Part string `arg:"" help:"cloud, or edge- or twin- with a parking: edge-dresden-semperoper."`
	Hard bool   `help:"As if its power went, instead of an orderly end."`
	Dir  string `help:"Folder that make run keeps everything in." default:"./var" type:"path"`
}

// Run ends a part of what runs.
func (c *offCmd) Run(e *env) error { return stack.Tell(e.ctx, c.Dir, "off", c.Part, c.Hard) }

type onCmd struct {
	Part string `arg:"" help:"What is off."`
	Dir  string `help:"Folder that make run keeps everything in." default:"./var" type:"path"`
}

// Run starts a part again and returns when it answers.
func (c *onCmd) Run(e *env) error { return stack.Tell(e.ctx, c.Dir, "on", c.Part, false) }
