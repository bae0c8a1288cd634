package natsqueue
