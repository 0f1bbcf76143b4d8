package gpio

func drivers() map[Driver]driver {
	return map[Driver]driver{Cdev: cdev{}, Periph: periphDriver{}}
}
